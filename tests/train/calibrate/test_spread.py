"""Spreads that are learned from disagreement hold for whom they were not learned from."""

import numpy as np
import pytest

from train.calibrate.spread import Errors, calibration, fit_spread


def subjects(count: int, floor: float, slope: float, size: int = 4000) -> list[Errors]:
    """Subjects whose errors are normal, their spread being known."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(count):
        apart = rng.gamma(1.0, 40.0, size).astype(np.float32)
        error = rng.normal(0, np.hypot(floor, slope * apart)).astype(np.float32)
        found.append(Errors(apart, error))
    return found


def test_the_spread_that_errors_were_drawn_with_is_found():
    spread = fit_spread(subjects(10, 60.0, 1.5))
    assert spread.floor == pytest.approx(60, rel=0.15)
    assert spread.slope == pytest.approx(1.5, rel=0.1)


def test_errors_that_no_disagreement_tells_have_a_floor_alone():
    spread = fit_spread(subjects(10, 60.0, 0.0))
    assert spread.floor == pytest.approx(60, rel=0.05)
    assert spread.slope < 0.2


def test_two_in_three_lie_within_one_spread_of_errors_that_are_normal():
    found = calibration(subjects(10, 60.0, 1.5), folds=[number % 5 for number in range(10)])
    assert found["within"] == pytest.approx([0.683, 0.954], abs=0.03)
    for predicted, seen in found["bins"]:
        assert seen == pytest.approx(predicted, rel=0.25)


def test_spreads_that_are_too_small_are_told():
    honest, wrong = subjects(8, 60.0, 0.0), subjects(2, 240.0, 0.0)
    found = calibration([*honest, *wrong], folds=[number % 5 for number in range(10)])
    assert found["within"][0] < 0.9
    assert max(seen / predicted for predicted, seen in found["bins"]) > 1.1
