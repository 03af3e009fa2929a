"""Which way round a source is, told where subjects differ by more than one does from itself."""

import numpy as np
import pytest

from engine.quality.likeness import BLOCKS, STEPS, WAYS, Likeness

RANK = 6
NO_GRAIN = np.zeros(STEPS, dtype=np.float32)


def heads(count: int, seed: int) -> np.ndarray:
    """Return pictures of bodies with a crown, a face and a bright core, each cut another way."""
    rng = np.random.default_rng(seed)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, BLOCKS)] * 3, indexing="ij")
    made = []
    for _ in range(count):
        middle = rng.normal(0, 0.04, 3)
        away = np.sqrt((z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2)
        body = away < rng.uniform(0.9, 1.1)
        value = 0.6 + 0.3 * np.exp(-4 * away**2) + rng.uniform(0.1, 0.2) * (z + 1.2 * y)
        noisy = np.where(body, value, 0.02) + rng.normal(0, 0.02, value.shape)
        made.append(rng.uniform(0.7, 1.3) * np.maximum(noisy, 0))
    return np.array(made, dtype=np.float32).reshape(count, -1)


@pytest.fixture(scope="module")
def space() -> Likeness:
    return Likeness.fit(heads(40, 1), np.zeros((40, STEPS), dtype=np.float32), RANK)


@pytest.mark.parametrize("way", WAYS)
def test_nearly_all_others_lie_on_the_right_side_and_on_the_other_one_the_wrong_way(space, way):
    others = heads(30, 2)
    wrong = WAYS[way](others.reshape(-1, BLOCKS, BLOCKS, BLOCKS)).reshape(len(others), -1)
    right_side = [space.figures(one, NO_GRAIN)[way] for one in others]
    wrong_side = [space.figures(one, NO_GRAIN)[way] for one in wrong]
    assert sorted(right_side)[1] > 0 > sorted(wrong_side)[-2]


def test_no_distance_tells_what_they_tell(space):
    others = heads(30, 2).reshape(-1, BLOCKS, BLOCKS, BLOCKS)
    right = [space.figures(one.ravel(), NO_GRAIN)["unlike_outside"] for one in others]
    wrong = [space.figures(one[:, ::-1].ravel(), NO_GRAIN)["unlike_outside"] for one in others]
    assert min(wrong) < max(right)


def test_a_curve_of_brightness_changes_no_side(space):
    (one,) = heads(1, 3)
    plain, bent = space.figures(one, NO_GRAIN), space.figures(one**0.5, NO_GRAIN)
    assert [bent[way] for way in WAYS] == pytest.approx([plain[way] for way in WAYS], abs=1e-5)


def test_they_are_the_same_from_the_arrays_of_a_file(space):
    (one,) = heads(1, 4)
    assert Likeness.of(space.arrays(), "here").figures(one, NO_GRAIN) == space.figures(
        one, NO_GRAIN
    )
