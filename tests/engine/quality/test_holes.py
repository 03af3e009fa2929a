"""A hole is what no way leads out of, however it winds."""

import numpy as np

from engine.quality.holes import eroded, holes


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
