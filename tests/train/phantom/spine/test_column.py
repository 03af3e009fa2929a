import numpy as np
import pytest

from train.phantom.spine.column import Frame, draw_column
from train.phantom.spine.health import draw_health


def drawn(seed):
    rng = np.random.default_rng(seed)
    return draw_column(rng, draw_health(rng))


def test_a_place_goes_to_the_world_and_back():
    frame = Frame(30.0, -12.0, 25.0)
    at = frame.world((7.0, 3.0, -4.0))
    local = frame.local(tuple(np.full((1, 1, 1), value, np.float32) for value in at))
    np.testing.assert_allclose([float(one.item()) for one in local], [7, 3, -4], atol=1e-4)


def test_to_lean_forwards_moves_the_upper_end_to_the_front():
    up, back, _ = Frame(0.0, 0.0, 30.0).world((10.0, 0.0, 0.0))
    assert up == pytest.approx(8.66, abs=0.01)
    assert back == pytest.approx(-5.0, abs=0.01)


def test_lordosis_lies_in_the_range_of_the_living():
    """L1 to S1: 30 to 80 degrees in the literature; fractures and worn discs flatten it."""
    angles = []
    for seed in range(80):
        column = drawn(seed)
        top, bottom = column.named("L1").plate(1), column.named("S1").plate(1)
        angles.append(bottom.lean_deg - top.lean_deg)
    assert 38 < np.mean(angles) < 60
    assert min(angles) > 10
    assert max(angles) < 90


def test_the_facing_plates_are_a_disc_apart():
    column = drawn(5)
    for upper, disc, lower in zip(column.bones, column.discs, column.bones[1:], strict=False):
        above, below = upper.plate(-1), lower.plate(1)
        gap = np.hypot(above.up - below.up, above.back - below.back)
        assert gap == pytest.approx(disc.height, abs=1e-6)


def test_the_canal_is_as_wide_as_canals_are():
    for seed in range(20):
        for bone in drawn(seed).movable:
            deep, wide = bone.level.canal
            assert 12 < deep < 24
            assert 14 < wide < 34
