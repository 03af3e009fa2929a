import numpy as np
import pytest

from tests.train.conftest import protocol
from train.phantom import Coil, draw_protocol, grid_of, receive, scan
from train.phantom.fields import Placement, Warp
from train.phantom.scanner import PLANES

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


def test_noise_of_air_is_rayleigh_and_that_of_tissue_normal(still):
    grid = grid_of(protocol("axial"), still)
    signal = np.zeros(grid.shape, np.float32)
    signal[10:] = 100.0
    coil = Coil(bias=0.0, bias_mm=90.0, near=0.0, noise=0.05)
    seen = receive(signal, grid, coil, np.random.default_rng(0))
    assert seen[:10].mean() == pytest.approx(5 * np.sqrt(np.pi / 2), rel=0.02)
    assert seen[10:].std() == pytest.approx(5, rel=0.05)


def test_a_coil_is_stronger_near_its_elements(still):
    grid = grid_of(protocol("axial"), still)
    coil = Coil(bias=0.0, bias_mm=90.0, near=1.0, noise=0.0)
    seen = receive(np.ones(grid.shape, np.float32), grid, coil, np.random.default_rng(0))
    z, y, x = (n // 2 for n in grid.shape)
    assert seen[z, 0, 0] > 1.5 * seen[z, y, x]


def test_drawn_protocols_stay_within_what_the_contract_accepts():
    rng = np.random.default_rng(0)
    drawn = [draw_protocol(rng) for _ in range(200)]
    assert {one.plane for one in drawn} == set(PLANES)
    assert {one.field_t for one in drawn} == {1.5, 3.0}
    for one in drawn:
        assert 0.4 <= one.spacing_mm <= 2.2
        assert 0.5 <= one.step_mm <= 6.0
        assert one.thickness_mm <= one.step_mm
        assert min(one.extent_mm) >= 120
        assert max(one.extent_mm) <= 400
