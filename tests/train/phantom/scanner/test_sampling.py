import numpy as np
import pytest

from tests.train.conftest import protocol
from train.phantom import grid_of, scan
from train.phantom.fields import Placement, Warp
from train.phantom.scanner import PLANES, most_common

AXES = tuple(np.arange(-100.0, 101.0, 4.0) for _ in range(3))


@pytest.fixture
def still() -> Placement:
    """A subject of the template's own shape, in the scanner's middle."""
    warp = Warp(AXES, np.zeros((3, 51, 51, 51), np.float32))
    return Placement(warp, np.ones(3), np.eye(3), np.zeros(3))


NORMALS = {"axial": (0, 0, 1), "sagittal": (-1, 0, 0), "coronal": (0, 1, 0)}


@pytest.mark.parametrize("plane", PLANES)
def test_slices_lie_along_row_cross_column_as_scanners_lay_them(plane, still):
    affine = grid_of(protocol(plane), still).affine
    step, down, along = (affine[:3, i] / np.linalg.norm(affine[:3, i]) for i in range(3))
    np.testing.assert_allclose(np.cross(along, down), step, atol=1e-9)
    np.testing.assert_allclose(step, NORMALS[plane], atol=1e-9)


@pytest.mark.parametrize("plane", PLANES)
def test_a_scan_shows_each_point_where_its_grid_says(plane, still):
    """An image that holds its own coordinates comes back with those of every voxel's centre."""
    z, y, x = AXES
    ramps = np.stack(np.broadcast_arrays(z[:, None, None], y[None, :, None], x[None, None, :]))
    grid = grid_of(protocol(plane), still)
    seen = scan(ramps.astype(np.float32), AXES, still, grid, 6.0)
    indices = np.indices(grid.shape).reshape(3, -1).T.astype(float)
    expected = grid.centres(indices)[:, ::-1].T.reshape(3, *grid.shape)
    inside = (np.abs(expected) < 95).all(axis=0)
    np.testing.assert_allclose(seen[:, inside], expected[:, inside], atol=0.02)


def test_thick_slices_are_blurred_across_and_not_within(still):
    image = np.zeros((1, 51, 51, 51), np.float32)
    image[0, 25] = 1  # a plane across the axial slices
    thin, thick = (
        scan(image, AXES, still, grid_of(protocol("axial"), still), width)[0].max()
        for width in (1.0, 16.0)
    )
    assert thick < 0.6 * thin


def test_the_most_common_tissue_of_a_thick_slice_wins(still):
    labels = np.zeros((51, 51, 51), np.uint8)
    labels[24:27] = 7  # 12 mm of it in slices of 6 mm
    grid = grid_of(protocol("axial"), still)
    seen = most_common(labels, AXES, still, grid, 6.0)
    heights = grid.centres(np.array([[z, 30, 25] for z in range(grid.shape[0])], float))[:, 2]
    assert set(np.unique(seen)) == {0, 7}
    assert (seen[np.abs(heights) < 3, 30, 25] == 7).all()
    assert (seen[np.abs(heights) > 9, 30, 25] == 0).all()
