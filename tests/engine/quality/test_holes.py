"""A hole is what no way leads out of, however it winds."""

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from engine.quality.holes import away_mm, eroded, grown, holes


def shell() -> np.ndarray:
    shown = np.zeros((15, 15, 15), dtype=bool)
    shown[2:13, 2:13, 2:13] = True
    shown[4:11, 4:11, 4:11] = False
    return shown


def test_what_is_closed_is_a_hole_and_the_outside_is_none():
    found = holes(shell())
    assert found.sum() == 7**3
    assert found[4:11, 4:11, 4:11].all()


def test_a_winding_way_out_makes_it_none():
    shown = shell()
    shown[7, 7, 10:12] = False
    shown[7, 7:13, 11] = False
    shown[7, 12, 11:13] = False
    assert not holes(shown).any()


def test_what_touches_the_rim_of_the_image_is_open():
    shown = np.ones((5, 5, 5), dtype=bool)
    shown[2, 2, :] = False
    assert not holes(shown).any()


def test_only_what_is_deep_counts():
    assert eroded(holes(shell()), 2).sum() == 3**3
    assert not eroded(holes(shell()), 4).any()


def test_what_is_near_is_that_to_the_rim_of_the_image():
    mask = np.zeros((5, 6, 7), dtype=bool)
    mask[0, 3, 3] = True
    z, y, x = np.indices(mask.shape)
    away = abs(z) + abs(y - 3) + abs(x - 3)
    assert np.array_equal(grown(mask, 2), away <= 2)
    assert grown(np.ones((3, 3), dtype=bool), 1).all()


def test_how_far_a_voxel_lies_from_a_mask_is_exact():
    mask, steps = np.random.default_rng(1).random((11, 13, 9)) < 0.01, np.array([3.0, 3.0, 5.0])
    assert mask.any()
    wanted = distance_transform_edt(~mask, sampling=steps)
    assert away_mm(mask, steps) == pytest.approx(wanted, abs=1e-9)


def test_from_nothing_everything_is_infinitely_far():
    assert np.isinf(away_mm(np.zeros((2, 3, 4), dtype=bool), np.ones(3))).all()
