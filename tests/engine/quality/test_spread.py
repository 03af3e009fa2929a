"""How far a result may be off: large where two answers differ, and 0 outside of the body."""

import numpy as np
import pytest

from engine.quality import Spread
from tests.engine.heads import head, head_grid

SPREAD = Spread(floor=30.0, slope=2.0)


def test_it_is_the_floor_where_two_answers_agree_and_grows_with_what_they_differ():
    found = SPREAD.of(np.array([0.0, 20.0, 1000.0], dtype=np.float32))
    np.testing.assert_allclose(found, [30.0, 50.0, 2000.22], rtol=1e-4)


@pytest.fixture(scope="module")
def made():
    source = head(head_grid(shape=(60, 90, 80)))
    return source.with_voxels(np.asarray(source.voxels, dtype=np.float32) - 1000, unit="HU")


def test_it_lies_on_the_results_grid_and_is_0_around_the_body(made):
    voxels = np.array(made.voxels)
    voxels[25:35, 40:50, 35:45] += 300
    spread = SPREAD.over(made, made.with_voxels(voxels))
    assert spread.grid.same_as(made.grid)
    assert (spread.unit, spread.voxels.dtype) == ("HU", np.float32)
    assert spread.voxels[0, 0, 0] == 0
    assert spread.voxels[30, 45, 40] == pytest.approx(600, rel=0.05)
    assert spread.voxels[30, 60, 40] == pytest.approx(30, rel=0.05)


def test_an_answer_on_another_grid_is_brought_onto_the_results(made):
    shifted = made.affine.copy()
    shifted[0, 3] += 1.5
    other = type(made)(made.voxels, type(made.grid)(made.shape, shifted), unit=made.unit)
    assert SPREAD.over(made, other).grid.same_as(made.grid)
