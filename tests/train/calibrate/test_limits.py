"""Limits lie beyond all subjects, on the sides where a figure can be wrong."""

from math import inf

import numpy as np
import pytest

from engine.quality import Limit, Verdict
from engine.reason import Code
from engine.task import Figure
from train.calibrate import Rule, limits_of
from train.calibrate.limits import written

SEEN = [8.0, 9.0, 10.0, 11.0, 14.0]


def limit(side="both", *, slack=0.0, refuses=False, seen=SEEN, rule=Rule(0.5, 2.0)):  # noqa: B008
    known = {"x": Figure("the x", side, Code.QC_FAILED, slack, refuses)}
    return limits_of([{"x": one} for one in seen], known, rule)["x"]


def test_a_limit_lies_as_far_beyond_the_furthest_as_the_rule_says():
    assert limit().hold == (7.0, 16.0)
    assert limit().refuse == (-inf, inf)
    assert limit(refuses=True).refuse == (4.0, 22.0)


@pytest.mark.parametrize(("side", "hold"), [("low", (7.0, inf)), ("high", (-inf, 16.0))])
def test_there_is_none_where_a_figure_cannot_be_wrong(side, hold):
    assert limit(side).hold == hold


def test_a_figure_that_is_the_same_of_all_has_its_slack():
    same = limit("high", seen=[0.0] * 5, slack=0.5, refuses=True)
    assert (same.hold, same.refuse) == ((-inf, 0.5), (-inf, 2.0))
    none = limit("high", seen=[0.0] * 5, refuses=True)
    assert (none.verdict(0.0), none.verdict(1.0)) == (Verdict.PASS, Verdict.REFUSE)


def test_what_set_the_limits_passes_and_nearly_all_that_is_like_it():
    drawn = np.random.default_rng(1).normal(50, 4, 20_100)
    found = limit(seen=list(drawn[:100]), rule=Rule())
    assert all(found.verdict(one) is Verdict.PASS for one in drawn[:100])
    assert np.mean([found.verdict(one) is not Verdict.PASS for one in drawn[100:]]) < 1e-3


def test_one_odd_subject_of_many_is_within_the_limit_and_does_not_move_it_far():
    many = [10 + 0.1 * (number % 21) for number in range(60)]
    usual, with_odd = limit("high", seen=many).hold[1], limit("high", seen=[*many, 14.0]).hold[1]
    assert usual == pytest.approx(12.375)
    assert with_odd == 14.0
    assert limit("high", seen=[10.0, 11.0, 12.0, 14.0]).hold[1] > 15


@pytest.mark.parametrize("odd", [float("nan"), inf, -inf])
def test_what_is_no_number_is_refused(odd):
    assert limit(refuses=True).verdict(odd) is Verdict.REFUSE


def test_json_has_null_where_there_is_no_limit():
    assert written({"x": limit("low")}) == {"x": {"hold": [7.0, None], "refuse": [None, None]}}


def test_the_lower_limit_of_a_ratio_is_as_many_times_less_and_never_below_nothing():
    known = {"x": Figure("the x", "both", Code.QC_FAILED, 0.0, is_ratio=True)}
    seen = [{"x": one} for one in (0.25, 1.0, 4.0)]
    assert limits_of(seen, known, Rule(0.5, 2.0))["x"].hold == (0.125, 5.5)
    with_nothing = [{"x": 0.0}, *seen]
    assert limits_of(with_nothing, known, Rule(0.5, 2.0))["x"].hold[0] == 0


def test_limits_are_rounded_outwards():
    found = written({"x": Limit((1.234567, 500.00003), (-0.1234567, 0.0))})
    assert found["x"] == {"hold": [1.2345, 500.01], "refuse": [-0.12346, 0.0]}


def test_what_tells_two_sides_apart_has_its_limit_between_them():
    known = {"x": Figure("the x", "low", Code.OUT_OF_DISTRIBUTION, 0.05, middle=0.0)}
    assert limits_of([{"x": one} for one in (0.2, 0.9, 1.0)], known)["x"].hold[0] == 0.0
    seen_beyond = [{"x": one} for one in (-0.3, 0.9, 1.0)]
    assert limits_of(seen_beyond, known, Rule(0.5))["x"].hold[0] == pytest.approx(-0.9)
    far_from_it = [{"x": one} for one in (0.8, 0.9, 1.0)]
    assert limits_of(far_from_it, known, Rule(0.5))["x"].hold[0] == pytest.approx(0.75)
