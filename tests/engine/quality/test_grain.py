"""The grain of what is drawn is told from that of what is not flat anywhere."""

import numpy as np
import pytest

from engine.quality.likeness import STEPS, Likeness, grain_of
from engine.quality.likeness.grain import Grain
from engine.volume import Grid, Volume
from tests.engine.heads import head, head_grid
from tests.support.gated import likeness

ROOM = head_grid(shape=(60, 90, 80))


def grainy(volume: Volume, seed: int) -> Volume:
    """Return a volume with fine structure of its own all over the body, as a person has."""
    rng = np.random.default_rng(seed)
    voxels = np.asarray(volume.voxels)
    coarse = np.repeat(np.repeat(rng.normal(0, 1, (60, 30, 27)), 3, axis=1), 3, axis=2)
    share = np.repeat(np.repeat(rng.random((60, 9, 8)), 10, axis=1), 10, axis=2)
    texture = coarse[:, :90, :80] * share
    return volume.with_voxels((voxels * (1 + 0.2 * texture)).astype(np.float32))


@pytest.fixture(scope="module")
def usual() -> Grain:
    return Grain.fit(np.stack([grain_of(head(ROOM, seed=seed)) for seed in range(8)]))


def test_others_that_are_drawn_are_near_and_what_has_structure_everywhere_is_far(usual):
    drawn = [usual.distance(grain_of(head(ROOM, seed=seed))) for seed in range(20, 24)]
    real = [usual.distance(grain_of(grainy(head(ROOM, seed=seed), seed))) for seed in range(20, 24)]
    assert min(real) > 2 * max(drawn)


def test_structure_everywhere_is_spread_evenly():
    drawn = [grain_of(head(ROOM, seed=seed)).std() for seed in range(4)]
    real = [grain_of(grainy(head(ROOM, seed=seed), seed)).std() for seed in range(4)]
    assert max(real) < min(drawn)


def test_brightness_does_not_count():
    one = head(ROOM)
    other = one.with_voxels(np.asarray(3 * one.voxels, dtype=np.float32))
    assert grain_of(other) == pytest.approx(grain_of(one), abs=1e-3)


def test_a_body_that_is_too_small_to_look_at_has_none():
    voxels = np.zeros((4, 8, 8), dtype=np.float32)
    voxels[:, 3:5, 3:5] = 100
    assert not grain_of(Volume(voxels, Grid(voxels.shape, np.eye(4)))).any()


def test_it_is_held_against_the_arrays_of_a_file():
    space = Likeness.of(likeness(), "here")
    picture = space.mean
    near, far = (space.figures(picture, space.grain.middle + away) for away in (0, 5))
    assert near["unlike_grain"] == 0 < far["unlike_grain"]
    assert space.grain.inverse.shape == (STEPS, STEPS)
