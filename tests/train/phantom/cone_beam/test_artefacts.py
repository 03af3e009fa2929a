import numpy as np
import pytest

from engine.volume import Grid
from train.phantom.cone_beam import degrade
from train.phantom.cone_beam.projections import back, forward

SHAPE, SPACING = (12, 90, 90), (3.0, 2.5, 2.5)


def grid(order=(0, 1, 2)) -> Grid:
    """Axial slices; by ``order`` the same lattice with its axes exchanged."""
    directions = np.eye(3)[:, ::-1] * SPACING
    affine = np.eye(4)
    affine[:3, :3] = directions[:, list(order)]
    return Grid(tuple(np.array(SHAPE)[list(order)].tolist()), affine)


@pytest.fixture(scope="module")
def ball() -> np.ndarray:
    """Water in a shell of bone."""
    y, x = (np.arange(90) - 44.5) * 2.5, (np.arange(90) - 44.5) * 2.5
    radius = np.hypot(y[:, None], x[None, :])
    plane = np.where(radius < 72, 0.0, np.where(radius < 78, 1200.0, -1000.0))
    return np.broadcast_to(plane, SHAPE).astype(np.float32).copy()


@pytest.fixture(scope="module")
def seen(ball) -> np.ndarray:
    return degrade(ball, grid(), np.random.default_rng(0))


def test_a_slice_comes_back_from_its_projections():
    y, x = np.meshgrid(np.arange(64) - 31.5, np.arange(64) - 31.5, indexing="ij")
    slices = (np.hypot(y, x) < 20).astype(np.float32)[None] * 0.02
    made = back(forward(slices, 90, 2.0), 2.0)[0]
    assert made[28:36, 28:36].mean() == pytest.approx(0.02, rel=0.05)
    assert np.abs(made[2:8, 2:8]).mean() < 0.001


def test_the_middle_sinks_below_the_rim(ball, seen):
    wrong = (seen - ball)[2:-2]
    middle = wrong[:, 40:50, 40:50].mean()
    rim = wrong[:, 44:46, 18:20].mean()
    assert 40 < rim - middle < 500


def test_water_keeps_about_its_mean(ball, seen):
    assert abs((seen - ball)[ball == 0].mean()) < 120


def test_there_is_noise_but_less_in_air(ball, seen):
    soft = seen[2:-2, 40:50, 40:50]
    assert 12 < (soft - soft.mean(axis=0)).std() < 60


def test_beyond_the_field_of_view_there_is_nothing(seen):
    assert (seen[:, 0, 0] == -1000).all()
    assert (seen[:, 44, 2:20].std(axis=0) > 0).any()


def test_dense_things_are_joined_by_dark_streaks(ball):
    held = ball.copy()
    for column in (26, 63):
        held[:, 43:47, column - 2 : column + 2] = 2500.0
    clean = degrade(ball, grid(), np.random.default_rng(1)) - ball
    seen = degrade(held, grid(), np.random.default_rng(1)) - held
    streak = (seen - clean)[:, 44:46, 38:52].mean()
    beside = (seen - clean)[:, 60:64, 38:52].mean()
    assert streak < beside - 10


def test_the_gantry_turns_about_the_axis_of_the_body_however_the_slices_lie(ball, seen):
    turned = degrade(
        np.ascontiguousarray(ball.transpose(1, 2, 0)), grid((1, 2, 0)), np.random.default_rng(0)
    )
    np.testing.assert_allclose(turned.transpose(2, 0, 1), seen, atol=1e-2)


def test_same_seed_same_bytes(ball, seen):
    np.testing.assert_array_equal(degrade(ball, grid(), np.random.default_rng(0)), seen)
