import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data import Augment, Change, ChannelChange
from train.errors import RecipeInvalid

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (2, 8, 6)).astype(np.float32)
SPAN = (-1.0, 1.0)
MOST = {"flip": 0.5, "gain": 1.0, "gamma": 1.0, "slope": 1.0, "noise": 0.5, "misalign_px": 3.0,
        "misalign_deg": 5.0}  # fmt: skip


def channel(axes: int = 2, **changes) -> ChannelChange:
    still = {"gain": 1.0, "gamma": 1.0, "slope": (0.0,) * axes, "noise": 0.0,
             "shift_px": (0.0,) * axes, "turn_deg": (0.0,) * (1 if axes == 2 else 3)}  # fmt: skip
    return ChannelChange(**{**still, **changes})


def of(*channels: ChannelChange, flip: bool = False) -> Change:
    return Change(flip=flip, channels=channels, seed=1)


def spot(shape: tuple[int, ...], at: tuple[int, ...]) -> np.ndarray:
    x = np.full((1, *shape), -1, np.float32)
    x[0][at] = 1
    return x


def found(x: np.ndarray) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(np.argmax(x[0]), x.shape[1:]))


def test_nothing_to_change_changes_nothing():
    change = Augment().draw(np.random.default_rng(0), channels=2, axes=2)
    assert change.channels == ()
    np.testing.assert_array_equal(change.of_source(X, SPAN), X)
    np.testing.assert_allclose(of(channel(), channel()).of_source(X, SPAN), X, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 8, 6), (3, 4, 8, 6)])
def test_all_channels_and_the_target_are_flipped_together_and_only_left_for_right(shape):
    x = RNG.uniform(-1, 1, shape).astype(np.float32)
    change = Change(flip=True, channels=(), seed=0)
    np.testing.assert_array_equal(change.of_source(x, SPAN), x[..., ::-1])
    np.testing.assert_array_equal(change.of_target(x[:1]), x[:1, ..., ::-1])


def test_brightness_changes_its_channel_and_neither_the_others_nor_the_target():
    change = of(channel(gain=0.5, gamma=2.0, slope=(0.2, 0.0), noise=0.1), channel())
    made = change.of_source(X, SPAN)
    assert np.abs(made[0] - X[0]).mean() > 0.1
    np.testing.assert_allclose(made[1], X[1], atol=1e-6)
    np.testing.assert_array_equal(change.of_target(X), X)


@pytest.mark.parametrize("span", [(-1.0, 1.0), (0.0, 1.0)])
def test_gain_and_gamma_by_hand_in_either_range(span):
    middle = np.full((1, 1, 1), sum(span) / 2, np.float32)  # brightness 0.5
    made = of(channel(gain=0.5, gamma=2.0)).of_source(middle, span)
    assert made[0, 0, 0] == pytest.approx(0.5 * 0.25 * (span[1] - span[0]) + span[0])


@pytest.mark.parametrize(
    ("shape", "at", "shift", "to"),
    [((9, 11), (4, 5), (2.0, -3.0), (6, 2)), ((5, 7, 9), (2, 3, 4), (1.0, 2.0, -1.0), (3, 5, 3))],
)
def test_a_channel_is_shifted_by_whole_voxels_exactly(shape, at, shift, to):
    moved = of(channel(len(shape), shift_px=shift)).of_source(spot(shape, at), SPAN)
    assert found(moved) == to
    assert moved.max() == pytest.approx(1, abs=1e-4)


def test_half_a_voxel_is_blended():
    moved = of(channel(shift_px=(0.0, 0.5))).of_source(spot((5, 7), (2, 3)), SPAN)
    np.testing.assert_allclose(moved[0, 2, 2:6], [-1, 0, 0, -1], atol=1e-5)


def test_a_channel_is_turned_about_its_middle_in_voxels_whatever_its_shape():
    quarter = of(channel(turn_deg=(90.0,))).of_source(spot((9, 15), (4, 10)), SPAN)
    assert found(quarter) == (1, 7)  # three to the right becomes three up
    about_z = of(channel(3, turn_deg=(90.0, 0.0, 0.0))).of_source(spot((3, 9, 9), (1, 4, 6)), SPAN)
    assert found(about_z) == (1, 2, 4)


def test_channels_are_misaligned_apart_and_the_target_stays():
    augment = Augment(misalign_px=3.0, misalign_deg=3.0)
    change = augment.draw(np.random.default_rng(0), channels=2, axes=2)
    assert change.channels[0].shift_px != change.channels[1].shift_px
    np.testing.assert_array_equal(change.of_target(X), X)


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from([2, 3]), st.sampled_from([(-1.0, 1.0), (0.0, 1.0)]))
def test_a_changed_source_stays_in_range_and_follows_from_its_numbers(seed, axes, span):
    x = np.random.default_rng(1).uniform(*span, (2, 4, 8, 6)[: axes + 1]).astype(np.float32)
    change = Augment(**MOST).draw(np.random.default_rng(seed), channels=2, axes=axes)
    made = change.of_source(x, span)
    assert made.shape == x.shape
    assert made.dtype == np.float32
    assert span[0] <= made.min()
    assert made.max() <= span[1]
    np.testing.assert_array_equal(made, change.of_source(x, span))


def test_changes_stay_within_their_limits():
    augment = Augment(gain=0.2, gamma=0.5, slope=0.1, noise=0.03, misalign_px=2, misalign_deg=1)
    for seed in range(50):
        change = augment.draw(np.random.default_rng(seed), channels=2, axes=3)
        assert not change.flip
        for one in change.channels:
            assert 1 / 1.2 <= one.gain <= 1.2
            assert 1 / 1.5 <= one.gamma <= 1.5
            assert max(map(abs, one.slope)) <= 0.1
            assert 0 <= one.noise <= 0.03
            assert max(map(abs, one.shift_px)) <= 2
            assert max(map(abs, one.turn_deg)) <= 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"blur": 1.0}, r"\[learning\.augment\] unknown key 'blur'; keys are flip, gain"),
        ({"noise": -0.1}, r"noise = -0\.1; a number of 0 or more"),
        ({"flip": "often"}, "flip = 'often'; a number"),
        ({"gain": float("nan")}, "gain = nan; a number"),
    ],
)
def test_an_impossible_change_is_named(values, said):
    with pytest.raises(RecipeInvalid, match=said):
        Augment.of(values)
