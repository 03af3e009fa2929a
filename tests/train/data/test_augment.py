import numpy as np
import pytest

from train.data import Augment, Change

STILL = Change(flip=False, gain=1.0, gamma=1.0, slope=(0.0, 0.0), noise=0.0, seed=0)
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (2, 8, 6)).astype(np.float32)


def test_nothing_to_change_changes_nothing():
    assert Augment().draw(np.random.default_rng(0)) == Change(
        flip=False, gain=1.0, gamma=1.0, slope=(0.0, 0.0), noise=0.0,
        seed=Augment().draw(np.random.default_rng(0)).seed,
    )  # fmt: skip
    np.testing.assert_allclose(STILL.of_source(X), X, atol=1e-6)


def test_source_and_target_are_flipped_together_and_only_left_for_right():
    change = Change(flip=True, gain=1.0, gamma=1.0, slope=(0.0, 0.0), noise=0.0, seed=0)
    np.testing.assert_allclose(change.of_source(X), X[:, :, ::-1], atol=1e-6)
    np.testing.assert_array_equal(change.of_target(X), X[:, :, ::-1])


def test_brightness_changes_the_source_and_never_the_target():
    change = Change(flip=False, gain=0.5, gamma=2.0, slope=(0.2, 0.0), noise=0.1, seed=1)
    np.testing.assert_array_equal(change.of_target(X), X)
    assert np.abs(change.of_source(X) - X).mean() > 0.1


def test_gain_and_gamma_by_hand():
    change = Change(flip=False, gain=0.5, gamma=2.0, slope=(0.0, 0.0), noise=0.0, seed=0)
    made = change.of_source(np.zeros((1, 1, 1), np.float32))  # brightness 0.5
    assert made[0, 0, 0] == pytest.approx(2 * 0.5 * 0.25 - 1)


def test_a_changed_source_stays_in_range():
    augment = Augment(flip=0.5, gain=1.0, gamma=1.0, slope=1.0, noise=0.5)
    for seed in range(20):
        made = augment.draw(np.random.default_rng(seed)).of_source(X)
        assert made.min() >= -1
        assert made.max() <= 1
        assert made.dtype == np.float32


def test_changes_stay_within_their_limits():
    augment = Augment(gain=0.2, gamma=0.5, slope=0.1, noise=0.03)
    for seed in range(50):
        change = augment.draw(np.random.default_rng(seed))
        assert 1 / 1.2 <= change.gain <= 1.2
        assert 1 / 1.5 <= change.gamma <= 1.5
        assert max(map(abs, change.slope)) <= 0.1
        assert 0 <= change.noise <= 0.03
        assert not change.flip
