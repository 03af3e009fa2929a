import numpy as np
import pytest

from engine.errors import ResultRefused
from engine.postprocess import check
from engine.reason import Code
from tests.engine.backends import BACKENDS

SOUND = np.linspace(-1000, 1500, 24).astype(np.float32).reshape(2, 3, 4)


def spoilt(value, at=(1, 2, 3)):
    voxels = SOUND.copy()
    voxels[at] = value
    return voxels


@pytest.mark.parametrize("xp", BACKENDS)
def test_an_image_is_described_in_its_own_unit(xp):
    figures = check(xp.asarray(SOUND), low=-1000, high=2000)
    expected = {"min": -1000, "max": 1500, "mean": 250, "std": SOUND.std()}
    assert figures == pytest.approx(expected, rel=1e-5)
    assert {type(value) for value in figures.values()} == {float}


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize(
    ("voxels", "said"),
    [
        (spoilt(np.nan), "values that are no numbers"),
        (spoilt(np.inf), "values that are no numbers"),
        (spoilt(-np.inf, (0, 0, 0)), "values that are no numbers"),
        (spoilt(2002), "runs from -1000 to 2002, the model's range is -1000 to 2000"),
        (spoilt(-1002), "runs from -1002 to 1391, the model's range is -1000 to 2000"),
        (np.full((2, 3, 4), 40, np.float32), "flat: every voxel is about 40"),
        (np.full((2, 3, 4), 40, np.float32) + SOUND / 1000, "flat"),
    ],
    ids=["nan", "inf", "minus inf", "too bright", "too dark", "flat", "nearly flat"],
)
def test_what_is_no_image_is_refused(xp, voxels, said):
    with pytest.raises(ResultRefused, match=said) as refused:
        check(xp.asarray(voxels), low=-1000, high=2000)
    assert [reason.code for reason in refused.value.reasons] == [Code.QC_FAILED]


@pytest.mark.parametrize("value", [2000.9, -1000.9])
def test_rounding_beyond_the_range_is_let_pass(value):
    assert check(spoilt(value), low=-1000, high=2000)


@pytest.mark.parametrize(("spread", "flat"), [(2.9, True), (3.1, False)])
def test_flat_is_less_than_a_thousandth_of_the_range(spread, flat):
    voxels = np.zeros((2, 3, 4), np.float32)
    voxels[0, 0, 0] = spread
    if flat:
        with pytest.raises(ResultRefused, match="flat"):
            check(voxels, low=-1000, high=2000)
    else:
        assert check(voxels, low=-1000, high=2000)["max"] == pytest.approx(spread)


@pytest.mark.parametrize(("high", "beyond"), [(1.0, 1e-3), (2.5, 0.01), (1e-2, 1e-5)])
def test_rounding_is_a_share_of_the_range_in_every_unit(high, beyond):
    voxels = np.linspace(0, high, 24).reshape(2, 3, 4)
    assert check(voxels * (1 + 1e-4), low=0, high=high)
    voxels[0, 0, 0] = high + beyond
    with pytest.raises(ResultRefused, match=f"the model's range is 0 to {high:g}"):
        check(voxels, low=0, high=high)
