import numpy as np
import pytest

from engine.errors import SpecError
from engine.preprocess import Smooth
from engine.volume import Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import noise, oblique

GRID = oblique((0.1, 0.2, 0), spacing=(2.0, 1.5, 1.0), shape=(41, 51, 61))


@pytest.mark.parametrize("xp", BACKENDS)
def test_a_point_becomes_half_as_bright_at_half_the_width(xp):
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[20, 25, 30] = 1
    made = to_numpy(Smooth(12.0).apply(Volume(xp.asarray(voxels), GRID)).voxels)
    peak = made[20, 25, 30]
    for side in (made[23, 25, 30], made[20, 29, 30], made[20, 25, 36]):  # 6, 6 and 6 mm away
        assert side / peak == pytest.approx(0.5, abs=1e-4)
    assert made.sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("xp", BACKENDS)
def test_what_is_even_stays_even_to_the_edges(xp):
    even = Volume(xp.full(GRID.shape, 7.0, dtype=xp.float32), GRID)
    np.testing.assert_allclose(to_numpy(Smooth(8).apply(even).voxels), 7, rtol=1e-5)


@pytest.mark.parametrize("xp", BACKENDS)
def test_every_library_makes_the_same(xp):
    expected = Smooth(5).apply(noise(GRID)).voxels
    np.testing.assert_allclose(
        to_numpy(Smooth(5).apply(noise(GRID, xp)).voxels), expected, rtol=1e-5
    )
    assert expected.std() < noise(GRID).voxels.std() / 5


def test_a_target_and_a_result_keep_their_own_resolution():
    source = noise(GRID)
    assert Smooth(5).follow(source, outside=0) is source
    assert Smooth(5).undo(source, source, outside=0) is source
    assert Smooth(5).record() == {"step": "smooth", "fwhm_mm": 5}


@pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf")])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(SpecError, match="a width above 0 mm is wanted"):
        Smooth(width)
