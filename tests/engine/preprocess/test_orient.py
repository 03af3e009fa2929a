import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.preprocess import Orient
from engine.volume import FrameRef
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import AXES, noise, oblique_grids, places, straight

CANONICAL = np.eye(3)[::-1]  # columns: slices along S, rows along P, columns along L


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize(("order", "signs"), AXES)
def test_every_voxel_keeps_value_and_place_whichever_way_the_axes_ran(xp, order, signs):
    source = noise(straight(order, signs), xp)
    step = Orient.fit(source)
    turned = step.apply(source)
    directions = turned.affine[:3, :3] / np.array(turned.grid.spacing_mm)
    np.testing.assert_array_equal(directions, CANONICAL)
    before = dict(zip(map(tuple, places(source.grid).reshape(-1, 3)),
                      to_numpy(source.voxels).ravel(), strict=True))  # fmt: skip
    after = dict(zip(map(tuple, places(turned.grid).reshape(-1, 3)),
                     to_numpy(turned.voxels).ravel(), strict=True))  # fmt: skip
    assert after == before


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize(("order", "signs"), AXES)
def test_undoing_is_exact(xp, order, signs):
    source = noise(straight(order, signs), xp)
    step = Orient.fit(source)
    back = step.undo(step.apply(source).with_voxels(step.apply(source).voxels), source, outside=-1)
    np.testing.assert_array_equal(to_numpy(back.voxels), to_numpy(source.voxels))
    assert back.grid is source.grid


@given(grid=oblique_grids())
def test_an_oblique_grid_comes_as_near_to_canonical_as_any_turn_of_axes_can(grid):
    source = noise(grid)
    step = Orient.fit(source)
    turned = step.apply(source)
    along = turned.affine[:3, :3] / np.array(turned.grid.spacing_mm)
    nearness = np.trace(CANONICAL.T @ along)
    for order, signs in AXES:
        other = along[:, order] * signs
        assert np.trace(CANONICAL.T @ other) <= nearness + 1e-9
    np.testing.assert_array_equal(step.undo(turned, source, outside=0).voxels, source.voxels)


@given(grid=oblique_grids())
def test_what_is_canonical_already_stays(grid):
    once = Orient.fit(noise(grid)).apply(noise(grid))
    again = Orient.fit(once)
    assert again == Orient((0, 1, 2), (False, False, False))
    np.testing.assert_array_equal(again.apply(once).voxels, once.voxels)


@given(axis=st.sampled_from([0, 1, 2]))
def test_a_turned_volume_has_no_sources_for_its_slices_are_others(axis):
    grid = straight((axis, (axis + 1) % 3, (axis + 2) % 3), (1, 1, 1))
    source = noise(grid)
    refs = tuple(FrameRef("1.2", f"1.2.{z}") for z in range(grid.shape[0]))
    source = type(source)(source.voxels, grid, "1", "1.2.3", refs)
    step = Orient.fit(source)
    turned = step.apply(source)
    assert turned.sources == ()
    assert turned.frame_of_reference_uid == "1.2.3"
    assert step.undo(turned, source, outside=0).sources == refs


def test_the_result_may_have_another_unit_than_the_source():
    source = noise(straight((2, 1, 0), (1, 1, 1)))
    step = Orient.fit(source)
    made = step.apply(source).with_voxels(step.apply(source).voxels, unit="HU")
    assert step.undo(made, source, outside=0).unit == "HU"


def test_the_numbers_are_written_down():
    step = Orient.fit(noise(straight((0, 1, 2), (1, -1, 1))))
    assert step.record() == {"step": "orient", "axes": [2, 1, 0], "flips": [False, True, False]}


def test_the_input_is_untouched():
    source = noise(straight((0, 1, 2), (-1, -1, -1)))
    before = source.voxels.copy()
    Orient.fit(source).apply(source)
    np.testing.assert_array_equal(source.voxels, before)
