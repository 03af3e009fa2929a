"""Which rules fire on a study, on which series, and why the others do not."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from dicom_node.rules import Condition, Rule, decide
from dicom_node.rules.plan import Candidate
from dicom_node.series import Findings, Label
from dicom_node.values import Priority
from engine.io import Stack
from engine.reason import Code, Reason
from engine.task import Task
from engine.volume import Grid

GAP = Reason(Code.GEOM_GAP, "a slice is missing")


@pytest.fixture
def rule(task):
    return Rule("sct", task, "native", ("pacs",), Priority.ROUTINE, ())


def series(
    uid: str, label: Label = Label.T1, spacing=(4.0, 1.0, 1.0), shape=(30, 200, 200), **values
) -> Candidate:
    """Return a series that was looked at."""
    grid = spacing and Grid(shape, np.diag([*spacing[::-1], 1.0])[:, [2, 1, 0, 3]])
    facts = {
        "label": label, "synthetic": False, "modality": "MR", "description": "", "instances": 30,
        "reasons": (), "chosen": Stack((), grid, ()) if grid else None, "header": {}, "slices": 30,
        "contrast_agent": False,
    }  # fmt: skip
    against = values.pop("against", {})
    return Candidate(uid, Findings(**{**facts, **values}), against)


def test_a_rule_fires_when_what_it_needs_is_there_and_what_it_makes_is_missing(rule):
    decision = decide(rule, [series("1.1"), series("1.2", Label.FLAIR)])
    assert (decision.fired, decision.unmet, decision.sources) == (True, (), (("T1", "1.1"),))


@pytest.mark.parametrize(
    ("study", "why"),
    [
        ([], "no series is T1; the study has no series"),
        ([series("1.1", Label.T2)], "no series is T1; the study has T2"),
        (
            [series("1.1", Label.T2), series("1.2", Label.FLAIR), series("1.3", Label.T2)],
            "no series is T1; the study has FLAIR, T2",
        ),
        ([series("1.1", Label.T1CE)], "no series is T1; the study has T1CE"),
        ([series("1.1", modality="MR", label=Label.UNKNOWN)], "no series is T1"),
    ],
)
def test_without_the_needed_label_it_does_not_fire_whatever_the_modality(rule, study, why):
    decision = decide(rule, study)
    assert (decision.fired, decision.sources) == (False, ())
    assert [why in text for text in decision.unmet] == [True]


def test_where_the_made_label_was_acquired_nothing_is_missing(rule):
    decision = decide(rule, [series("1.1"), series("1.2", Label.CT), series("1.3", Label.CT)])
    assert not decision.fired
    assert decision.unmet == (
        "CT is not missing: series 1.2 is acquired CT",
        "CT is not missing: series 1.3 is acquired CT",
    )


def test_what_is_synthetic_is_neither_missing_nor_needed(rule):
    made = series("1.2", Label.CT, synthetic=True)
    assert decide(rule, [series("1.1"), made]).fired
    decision = decide(rule, [series("1.1", synthetic=True), made])
    assert decision.unmet == ("no series is T1; the study has no series",)


def test_a_series_that_the_task_refuses_is_named_with_every_reason(rule):
    far = Reason(Code.FOV_OUTSIDE, "90 mm, at least 100 mm are wanted")
    refused = series("1.1", against={"ct_from_mr": (GAP, far)})
    decision = decide(rule, [refused, series("1.2", Label.T2)])
    (why,) = decision.unmet
    assert why.startswith("T1 series 1.1: ")
    for reason in (GAP, far):
        assert reason.code in why
        assert reason.text in why


def test_what_another_task_refuses_does_not_count(rule):
    assert decide(rule, [series("1.1", against={"stir_from_t1": (GAP,)})]).fired


def test_a_condition_that_does_not_hold_is_named_for_each_series(task):
    when = (Condition("BodyPartExamined", "equals", "HEAD"),)
    rule = Rule("sct", task, "native", ("pacs",), Priority.ROUTINE, when)
    head, leg = ({"BodyPartExamined": part} for part in ("HEAD", "LEG"))
    decision = decide(rule, [series("1.1", header=leg), series("1.2")])
    assert decision.unmet == (
        "T1 series 1.1: BodyPartExamined is LEG; wanted: equals HEAD",
        "T1 series 1.2: BodyPartExamined is absent; wanted: equals HEAD",
    )
    decision = decide(rule, [series("1.1", header=leg), series("1.2", header=head)])
    assert decision.sources == (("T1", "1.2"),)


def test_everything_that_is_in_the_way_is_told(rule):
    refused = series("1.1", against={"ct_from_mr": (GAP,)})
    assert len(decide(rule, [refused, series("1.2", Label.CT)]).unmet) == 2


def chosen(rule, study) -> set[str]:
    """Return the source for every order in which the series may come."""
    return {decide(rule, list(order)).sources[0][1] for order in permutations(study)}


def test_of_several_the_finest_is_taken_whatever_the_order(rule):
    study = [
        series("1.1", spacing=(5.0, 1.0, 1.0)), series("1.2", spacing=(1.0, 1.0, 1.0)),
        series("1.3", spacing=(1.0, 1.1, 1.1)), series("1.4", spacing=None),
    ]  # fmt: skip
    assert chosen(rule, study) == {"1.2"}


def test_of_equally_fine_ones_the_largest_is_taken(rule):
    study = [
        series("1.1", shape=(30, 200, 200)),
        series("1.2", shape=(40, 200, 200)),
        series("1.3"),
    ]
    assert chosen(rule, study) == {"1.2"}


def test_of_equal_ones_the_name_decides(rule):
    assert chosen(rule, [series("1.1"), series("1.3"), series("1.2")]) == {"1.3"}


def test_the_best_that_the_task_refuses_is_not_taken(rule):
    fine = series("1.2", spacing=(1.0, 1.0, 1.0), against={"ct_from_mr": (GAP,)})
    assert decide(rule, [series("1.1"), fine]).sources == (("T1", "1.1"),)


def test_a_task_of_several_labels_needs_each_and_keeps_their_order(task):
    two = object.__new__(Task)  # its model would have to be taught on both
    for word, value in (
        ("name", "ct_from_two"), ("needs", ("T2", "T1")), ("makes", "CT"),
        ("bundle", task.bundle), ("grid", "native"),
    ):  # fmt: skip
        object.__setattr__(two, word, value)
    rule = Rule("two", two, "native", (), Priority.ROUTINE, ())
    decision = decide(rule, [series("1.1"), series("1.2", Label.T2)])
    assert decision.sources == (("T2", "1.2"), ("T1", "1.1"))
    decision = decide(rule, [series("1.1")])
    assert (decision.sources, decision.unmet) == ((), ("no series is T2; the study has T1",))


def test_a_rule_with_a_model_of_its_own_goes_by_that_models_contract(rule, task):
    """What the task's model accepts, another one may not: here thinner slices only."""
    contract = replace(task.bundle.contract, slice_step_mm=(0.5, 2.0))
    strict = replace(task, bundle=replace(task.bundle, contract=contract))
    own = replace(rule, task=strict, own_model=True)
    assert decide(rule, [series("1.1")]).fired
    decision = decide(own, [series("1.1")])
    assert not decision.fired
    assert any("a step between slices of 4.00 mm" in text for text in decision.unmet)


def test_what_stops_a_rule_is_told_code_by_code_too(rule):
    lossy = Reason(Code.LOSSY, "8 bits")
    refused = series("1.2", against={"ct_from_mr": (GAP, lossy)})
    decision = decide(rule, [series("1.1", Label.CT), refused])
    assert [(one.code, one.text) for one in decision.reasons] == [
        (Code.NOT_MISSING, decision.unmet[0]),
        (Code.GEOM_GAP, "T1 series 1.2: a slice is missing"),
        (Code.LOSSY, "T1 series 1.2: 8 bits"),
    ]
    assert decision.unmet[1] == f"T1 series 1.2: {GAP}; {lossy}"
    assert [one.code for one in decide(rule, []).reasons] == [Code.SOURCE_MISSING]


def test_a_series_that_will_do_leaves_nothing_to_tell_of_the_others(rule):
    decision = decide(rule, [series("1.1"), series("1.2", against={"ct_from_mr": (GAP,)})])
    assert (decision.fired, decision.reasons) == (True, ())
