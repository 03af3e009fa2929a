import numpy as np
import pytest

from train.phantom.fields import Placement, Warp, between, rotation, smooth_noise

AXES = tuple(np.arange(0.0, 120.0, 4.0) for _ in range(3))


def test_noise_has_mean_zero_and_variance_one():
    rng = np.random.default_rng(0)
    values = np.stack([smooth_noise(rng, AXES, 10.0) for _ in range(8)])
    assert abs(values.mean()) < 0.05
    assert values.var() == pytest.approx(1, abs=0.1)


def test_noise_is_smooth_over_its_length():
    rng = np.random.default_rng(0)
    coarse, fine = smooth_noise(rng, AXES, 60.0), smooth_noise(rng, AXES, 10.0)
    assert np.abs(np.diff(coarse, axis=0)).max() < 0.4 < np.abs(np.diff(fine, axis=0)).max()


def test_interpolation_reproduces_a_straight_slope():
    z, y, x = np.meshgrid(*(np.arange(4.0),) * 3, indexing="ij")
    slope = (z + 2 * y - x)[None].astype(np.float32)
    at = np.array([0.5, 1.25])
    made = between(slope, (at, at, np.array([2.0])))
    expected = (at[:, None, None] + 2 * at[None, :, None] - 2.0)[None]
    np.testing.assert_allclose(made, expected, atol=1e-6)


def velocity(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([4 * smooth_noise(rng, AXES, 40.0) for _ in range(3)])


def test_a_warp_and_its_reverse_cancel():
    moving = velocity(1)
    forth, back = Warp.of(moving, AXES), Warp.of(-moving, AXES)
    points = np.random.default_rng(2).uniform(30, 85, (3, 500)).astype(np.float32)
    away = np.abs(back(forth(points)) - points)
    assert np.abs(forth(points) - points).max() > 3
    assert away.max() < 0.5


def test_a_warp_folds_nothing():
    shift = Warp.of(velocity(3), AXES).shift_mm
    gradient = np.stack([np.stack(np.gradient(one, 4.0)) for one in shift])
    jacobian = np.linalg.det(np.moveaxis(gradient, (0, 1), (-2, -1)) + np.eye(3))
    assert jacobian.min() > 0


def test_without_velocity_nothing_moves():
    warp = Warp.of(np.zeros((3, 30, 30, 30), np.float32), AXES)
    points = np.ones((3, 5), np.float32) * 17
    np.testing.assert_array_equal(warp(points), points)


def test_rotations_keep_lengths_and_hands():
    turned = rotation(np.radians([10.0, -20.0, 30.0]))
    np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) == pytest.approx(1)


def test_heads_are_turned_by_ten_degrees_at_most_about_each_axis():
    for seed in range(5):
        placement = Placement.draw(np.random.default_rng(seed), AXES)
        angle = np.degrees(np.arccos((np.trace(placement.rotation) - 1) / 2))
        assert angle < 18  # three tens together
        assert 0.75 < placement.scale.min() <= placement.scale.max() < 1.1
