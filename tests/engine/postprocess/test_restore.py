import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.postprocess import restore, rt_axial_grid
from engine.postprocess.restore import RT_SPACING_MM
from engine.preprocess import Chain
from engine.volume import FrameRef, Grid, Volume
from engine.xp import to_numpy
from tests.engine.backends import BACKENDS
from tests.engine.grids import AXES, corners, noise, oblique, oblique_grids, places, straight
from tests.engine.itk import linear, well_inside

STEPS = [
    {"step": "orient"},
    {"step": "resample", "spacing_mm": [4.0, 3.0, 3.0]},
    {"step": "crop_pad", "multiple": 4, "minimum": [8, 8], "margin_mm": 3},
    {"step": "normalise", "high": 0.995},
]


@given(grid=oblique_grids(most=20))
def test_the_axial_grid_holds_every_corner_of_the_source_and_little_more(grid):
    made = rt_axial_grid(grid)
    low, high = corners(made).min(axis=0), corners(made).max(axis=0)
    least, most = corners(grid).min(axis=0), corners(grid).max(axis=0)
    assert (low <= least + 1e-5).all()
    assert (high >= most - 1e-5).all()
    step = np.array(RT_SPACING_MM[::-1])
    for axis in range(3):  # at least two of each; otherwise no voxel more than needed
        assert (high - low)[axis] <= max(2 * step[axis], (most - least)[axis] + step[axis]) + 1e-5
    np.testing.assert_allclose((low + high) / 2, (least + most) / 2, atol=1e-6)


@given(grid=oblique_grids())
def test_the_axial_grid_is_exactly_straight(grid):
    made = rt_axial_grid(grid)
    z, y, x = RT_SPACING_MM
    np.testing.assert_array_equal(made.affine[:3, :3], [[0, 0, x], [0, y, 0], [z, 0, 0]])
    assert min(made.shape) >= 2
    assert made.spacing_mm == RT_SPACING_MM


@pytest.mark.parametrize(("order", "signs"), AXES)
def test_the_axial_grid_of_straight_data_does_not_depend_on_how_its_axes_ran(order, signs):
    grid = straight(order, signs, spacing=(3, 3, 3), shape=(10, 10, 10), origin=(0, 0, 0))
    affine = np.array(grid.affine)
    affine[:3, 3] -= grid.centres((np.array([grid.shape]) - 1) / 2)[0]
    made = rt_axial_grid(Grid(grid.shape, affine))
    assert made.shape == (15, 30, 30)
    np.testing.assert_allclose(made.affine[:3, 3], (-14.5, -14.5, -14))


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=20)
@given(grid=oblique_grids(least=4, most=9))
def test_native_is_the_sources_own_grid_with_its_sources(xp, grid):
    refs = tuple(FrameRef("1.2", f"1.2.{z}") for z in range(grid.shape[0]))
    source = Volume(noise(grid, xp).voxels, grid, "1", "1.2.3", refs)
    (prepared,), trace = Chain.of(STEPS).apply([source])
    made = prepared.with_voxels(prepared.voxels, unit="HU")
    volume, inside = restore(made, trace, "native", outside=-1000)
    assert volume.grid is source.grid
    assert (volume.sources, volume.frame_of_reference_uid) == (refs, "1.2.3")
    assert volume.unit == "HU"
    assert to_numpy(inside).all()
    assert tuple(inside.shape) == grid.shape
    assert to_numpy(inside).dtype == bool


@pytest.mark.parametrize("xp", BACKENDS)
@settings(max_examples=20)
@given(turn=st.tuples(*[st.floats(-3, 3)] * 3))
def test_axial_is_the_result_where_the_source_saw_and_outside_elsewhere(xp, turn):
    grid = oblique(turn, spacing=(5, 4, 4), shape=(6, 7, 8))
    source = noise(grid, xp)
    (prepared,), trace = Chain.of(STEPS).apply([source])
    made = prepared.with_voxels(prepared.voxels * 500, unit="HU")
    volume, inside = restore(made, trace, "rt-axial", outside=-1000)
    voxels, seen = to_numpy(volume.voxels), to_numpy(inside)
    assert (voxels[~seen] == -1000).all()
    clear = well_inside(volume.grid, grid, by=1e-4)
    assert seen[clear].all()
    assert not seen[~well_inside(volume.grid, grid, by=-1e-4)].any()
    whole = trace.undo_crop(made, outside=-1000)
    expected = linear(whole.with_voxels(to_numpy(whole.voxels)), volume.grid, outside=-1000)
    both = clear & well_inside(volume.grid, whole.grid, by=1e-3)
    np.testing.assert_allclose(voxels[both], expected[both], atol=0.5)
    assert both.sum() > 100
    assert (volume.unit, volume.sources, volume.frame_of_reference_uid) == ("HU", (), "1.2.3")


def test_what_was_cropped_away_but_seen_is_filled_and_counts_as_inside():
    grid = oblique((0, 0, 0), spacing=(4, 3, 3), shape=(10, 30, 30))
    voxels = np.where(np.linalg.norm(places(grid), axis=-1) < 15, 800.0, 0).astype(np.float32)
    (prepared,), trace = Chain.of(STEPS).apply([Volume(voxels, grid)])
    made = prepared.with_voxels(prepared.voxels * 0 + 40, unit="HU")
    for name in ("native", "rt-axial"):
        volume, inside = restore(made, trace, name, outside=-1000)
        assert inside.all()
        assert volume.voxels.min() == pytest.approx(-1000)
        assert volume.voxels.max() == pytest.approx(40)


@pytest.mark.parametrize("grid", ["native", "rt-axial"])
def test_what_no_step_has_moved_lies_where_the_source_does(grid):
    source = noise(oblique((0, 0, 0), shape=(6, 8, 9)))
    (made,), trace = Chain.of([]).apply([source])
    volume, inside = restore(made, trace, grid, outside=-1)
    wanted = source.grid if grid == "native" else rt_axial_grid(source.grid)
    assert volume.grid.same_as(wanted)
    assert inside.any()
