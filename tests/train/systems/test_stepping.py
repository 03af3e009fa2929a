import math

import pytest
import torch

from train.errors import RecipeInvalid
from train.systems.stepping import Stepping, optimiser_of, settings_of, share_of_rate


def shares(settings: Stepping, steps: int = 10) -> list[float]:
    return [share_of_rate(settings, step, steps) for step in range(steps + 1)]


def test_a_constant_rate_is_one():
    assert shares(Stepping()) == [1.0] * 11


def test_a_linear_rate_holds_and_then_declines_to_nothing():
    seen = shares(Stepping(schedule="linear", hold=0.5))
    assert seen[:6] == [1, 1, 1, 1, 1, 1]
    assert seen[6:] == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0])
    assert shares(Stepping(schedule="linear", hold=1.0))[9] == 1


def test_a_cosine_rate_declines_slowly_at_both_ends():
    seen = shares(Stepping(schedule="cosine", hold=0.0))
    assert (seen[0], seen[5], seen[10]) == pytest.approx((1.0, 0.5, 0.0))
    assert seen[1] == pytest.approx((1 + math.cos(0.1 * math.pi)) / 2)


def test_milestones_halve_the_rate_each():
    seen = shares(Stepping(schedule="multistep"))
    assert seen[:9] == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]


def test_past_the_end_a_rate_stays_at_nothing():
    assert share_of_rate(Stepping(schedule="linear"), 12, 10) == 0
    assert share_of_rate(Stepping(schedule="cosine"), 12, 10) == 0


def test_optimisers_are_as_told():
    weight = [torch.nn.Parameter(torch.zeros(1))]
    adam = optimiser_of(Stepping(betas=(0.9, 0.99)), weight, rate=0.1)
    assert isinstance(adam, torch.optim.Adam)
    assert (adam.param_groups[0]["lr"], adam.param_groups[0]["betas"]) == (0.1, (0.9, 0.99))
    group = optimiser_of(Stepping(optimiser="rmsprop"), weight, rate=0.1).param_groups[0]
    assert (group["alpha"], group["eps"], group["momentum"]) == (0.9, 1e-8, 0)


def test_toml_has_lists_and_whole_numbers_where_tuples_and_floats_are_wanted():
    changes = {"milestones": [0.5, 1], "clip": 2, "schedule": "multistep"}
    settings = settings_of("x", Stepping(average=0.9), changes)
    assert settings.milestones == (0.5, 1.0)
    assert (settings.clip, type(settings.clip), settings.average) == (2.0, float, 0.9)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning_rate": 0.0}, "a rate above 0"),
        ({"learning_rate": -1.0}, "learning_rate = -1.0; a number of 0 or more"),
        ({"average": 1.0}, "an average below 1"),
        ({"hold": 1.5}, "a hold up to 1"),
        ({"schedule": "step"}, "schedule 'step' is unknown; wanted is one of constant"),
        ({"optimiser": "sgd"}, "optimiser 'sgd'"),
        ({"betas": (0.5, 1.0)}, "below 1 are wanted"),
        ({"clip": math.inf}, "clip = inf"),
    ],
)
def test_impossible_values_are_refused(changes, named):
    with pytest.raises(RecipeInvalid, match=named):
        Stepping(**changes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rate": 1.0}, "x has no setting 'rate'; known: adversary_rate"),
        ({"clip": "1"}, "x: clip = '1'; a float is wanted"),
        ({"clip": True}, "x: clip = True; a float is wanted"),
        ({"schedule": 3}, "x: schedule = 3; a str is wanted"),
        ({"milestones": [0.1, "late"]}, "x: milestones = 'late'; a float is wanted"),
    ],
)
def test_a_setting_of_another_name_or_type_is_refused(changes, named):
    with pytest.raises(RecipeInvalid, match=named):
        settings_of("x", Stepping(), changes)
