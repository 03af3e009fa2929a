import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ShapeError, SpecError
from engine.volume import FrameRef, Grid, Volume
from tests.engine.backends import BACKENDS
from tests.engine.grids import oblique, oblique_grids, places

GRID = oblique((0.1, -0.2, 0.3), shape=(2, 3, 4))


def with_entry(row, column, value):
    affine = np.eye(4)
    affine[row, column] = value
    return affine


@pytest.mark.parametrize(
    ("affine", "said"),
    [
        (np.eye(3), r"\(4, 4\) matrix, got shape \(3, 3\)"),
        (with_entry(0, 3, np.nan), "got 1 values that are not$"),
        (with_entry(1, 1, np.inf), "got 1 values that are not$"),
        (with_entry(0, 0, 0.0), "squeezes space flat"),
        (with_entry(3, 3, 0.0), r"last row .* is \(0, 0, 0, 1\)"),
        (with_entry(3, 0, 0.5), r"last row .* is \(0, 0, 0, 1\)"),
    ],
)
def test_an_affine_that_places_no_voxel_is_refused(affine, said):
    with pytest.raises(ShapeError, match=said):
        Grid((2, 3, 4), affine)


def test_two_parallel_axes_are_refused():
    affine = np.eye(4)
    affine[:3, 1] = affine[:3, 0]
    with pytest.raises(ShapeError, match="parallel or empty"):
        Grid((2, 3, 4), affine)


def test_an_empty_axis_is_refused():
    with pytest.raises(ShapeError, match=r"at least one voxel, got \(2, 0, 4\)"):
        Grid((2, 0, 4), np.eye(4))


def test_nobody_moves_a_grid_after_it_was_made():
    affine = np.eye(4)
    grid = Grid((2, 3, 4), affine)
    affine[0, 3] = 99
    assert grid.affine[0, 3] == 0
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 3] = 99


@given(grid=oblique_grids(), data=st.data())
def test_indices_point_at_voxel_centres_one_spacing_apart(grid, data):
    at = np.array([data.draw(st.integers(0, n - 1)) for n in grid.shape], dtype=float)
    here = grid.centres(at[None])[0]
    by_hand = grid.affine[:3, 3] + sum(at[axis] * grid.affine[:3, axis] for axis in range(3))
    np.testing.assert_allclose(here, by_hand, atol=1e-9)
    for axis, step in enumerate(grid.spacing_mm):
        there = grid.centres((at + np.eye(3)[axis])[None])[0]
        assert np.linalg.norm(there - here) == pytest.approx(step, abs=1e-6)


def test_the_field_of_view_reaches_from_outer_edge_to_outer_edge():
    grid = oblique((0, 0, 0), spacing=(3, 2, 1), shape=(6, 7, 8))
    assert grid.extent_mm == pytest.approx((18, 14, 8))


@pytest.mark.parametrize(("moved_mm", "same"), [(0.0, True), (0.0009, True), (0.0011, False)])
def test_grids_are_the_same_when_every_centre_is(moved_mm, same):
    affine = GRID.affine.copy()
    affine[:3, 3] += (moved_mm, 0, 0)
    assert GRID.same_as(Grid(GRID.shape, affine)) is same


def test_a_small_turn_shows_at_the_far_corner():
    large = oblique((0, 0, 0), shape=(200, 200, 200))
    turned = oblique((1e-4, 0, 0), shape=(200, 200, 200))
    assert not large.same_as(turned)
    assert large.same_as(turned, tolerance_mm=0.1)


def test_grids_of_other_shapes_differ():
    assert not GRID.same_as(Grid((2, 3, 5), GRID.affine))


@pytest.mark.parametrize("xp", BACKENDS)
def test_voxels_have_the_shape_of_their_grid(xp):
    assert Volume(xp.zeros((2, 3, 4), dtype=xp.float32), GRID).shape == (2, 3, 4)
    with pytest.raises(ShapeError, match=r"voxels \(2, 3, 5\) on a grid of \(2, 3, 4\)"):
        Volume(xp.zeros((2, 3, 5), dtype=xp.float32), GRID)


@pytest.mark.parametrize("xp", BACKENDS)
@pytest.mark.parametrize("kind", ["int16", "uint8", "bool"])
def test_integers_are_no_voxels_because_interpolating_them_would_truncate(xp, kind):
    with pytest.raises(ShapeError, match=f"floating point, got .*{kind}"):
        Volume(xp.zeros((2, 3, 4), dtype=getattr(xp, kind)), GRID)


def test_sources_are_one_per_slice():
    refs = tuple(FrameRef("1.2", f"1.2.{z}") for z in range(3))
    with pytest.raises(ShapeError, match="3 sources for 2 slices"):
        Volume(np.zeros((2, 3, 4)), GRID, sources=refs)
    assert Volume(np.zeros((2, 3, 4)), GRID, sources=refs[:2]).sources == refs[:2]


def test_a_volume_states_its_unit():
    with pytest.raises(SpecError, match="states its unit"):
        Volume(np.zeros((2, 3, 4)), GRID, unit="")


def test_other_values_keep_place_unit_and_sources():
    refs = (FrameRef("1.2", "1.2.1"), FrameRef("1.2", "1.2.2", 2))
    volume = Volume(np.zeros((2, 3, 4)), GRID, "HU", "1.2.3", refs)
    other = volume.with_voxels(np.ones((2, 3, 4)))
    assert (other.grid, other.unit, other.frame_of_reference_uid, other.sources) == (
        GRID, "HU", "1.2.3", refs,
    )  # fmt: skip
    assert other.voxels.sum() == 24
    assert volume.voxels.sum() == 0
    assert volume.with_voxels(volume.voxels, unit="g/ml").unit == "g/ml"
    with pytest.raises(ShapeError):
        volume.with_voxels(np.ones((2, 3, 5)))


def test_places_of_a_whole_grid_agree_with_centres():
    assert places(GRID)[1, 2, 3] == pytest.approx(GRID.centres(np.array([[1.0, 2, 3]]))[0])


@pytest.mark.parametrize(
    ("across", "plane"),
    [((0, 0, 1), "axial"), ((0, 0, -1), "axial"), ((1, 0, 0), "sagittal"), ((0, -1, 0), "coronal")],
)
def test_a_grid_knows_the_plane_of_its_slices(across, plane):
    rows = np.roll(across, 1)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([across, rows, np.cross(across, rows)], axis=1)
    assert Grid((2, 3, 4), affine).plane == (plane, 0.0)


def test_a_leaning_grid_is_of_the_nearest_plane_by_so_many_degrees():
    lean = np.radians(20)
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 1], [-np.sin(lean), np.cos(lean), 0], [np.cos(lean), np.sin(lean), 0]]
    plane, away_deg = Grid((2, 3, 4), affine).plane
    assert (plane, away_deg) == ("axial", pytest.approx(20))
