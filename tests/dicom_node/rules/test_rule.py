"""Conditions: what each test means, and that an absent attribute meets none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.rules import Condition, Rule
from dicom_node.rules.rule import TESTS
from dicom_node.values import Priority

HEADER = {
    "BodyPartExamined": "Head",
    "SeriesDescription": "T1 MPRAGE sag",
    "ImageType": ("ORIGINAL", "PRIMARY", "M"),
    "MagneticFieldStrength": 3.0,
    "Rows": 256,
    "RepetitionTime": (2000.0, 2300.0),
    "StationName": " MR1 ",
}
CASES = [
    ("BodyPartExamined", "equals", "Head", True),
    ("BodyPartExamined", "equals", "HEAD", True),
    ("BodyPartExamined", "equals", "HEA", False),
    ("StationName", "equals", "mr1", True),
    ("MagneticFieldStrength", "equals", 3, True),
    ("MagneticFieldStrength", "equals", 1.5, False),
    ("Rows", "equals", "256", True),
    ("ImageType", "equals", "primary", True),
    ("ImageType", "equals", "DERIVED", False),
    ("BodyPartExamined", "any_of", ("BRAIN", "head"), True),
    ("BodyPartExamined", "any_of", ("BRAIN", "NECK"), False),
    ("MagneticFieldStrength", "any_of", (1.5, 3), True),
    ("ImageType", "any_of", ("MOSAIC", "M"), True),
    ("BodyPartExamined", "none_of", ("NECK",), True),
    ("BodyPartExamined", "none_of", ("NECK", "HEAD"), False),
    ("ImageType", "none_of", ("DERIVED", "SECONDARY"), True),
    ("ImageType", "none_of", ("DERIVED", "primary"), False),
    ("SeriesDescription", "matches", "T1", True),
    ("SeriesDescription", "matches", "t1", False),
    ("SeriesDescription", "matches", r"(?i)\bt1\b", True),
    ("SeriesDescription", "matches", "^sag", False),
    ("ImageType", "matches", "^PRIM", True),
    ("Rows", "matches", "^25", True),
    ("SeriesDescription", "present", True, True),
    ("SeriesDescription", "present", False, False),
    ("MagneticFieldStrength", "at_least", 3, True),
    ("MagneticFieldStrength", "at_least", 3.01, False),
    ("MagneticFieldStrength", "at_most", 3, True),
    ("MagneticFieldStrength", "at_most", 2.99, False),
    ("RepetitionTime", "at_least", 2300, True),
    ("RepetitionTime", "at_most", 1999, False),
    ("SeriesDescription", "at_least", 0, False),
    ("SeriesDescription", "at_most", 10**6, False),
]


@pytest.mark.parametrize(("keyword", "test", "value", "holds"), CASES)
def test_a_condition_means_what_its_test_says(keyword, test, value, holds):
    assert Condition(keyword, test, value).holds_for(HEADER) is holds


def test_every_test_is_tried_here_both_ways():
    assert {(test, holds) for _, test, _, holds in CASES} == {
        (test, holds) for test in TESTS for holds in (True, False)
    }


VALUES = {
    "equals": st.text() | st.integers() | st.floats(allow_nan=False),
    "any_of": st.lists(st.text() | st.integers(), min_size=1).map(tuple),
    "none_of": st.lists(st.text() | st.integers(), min_size=1).map(tuple),
    "matches": st.sampled_from(["", ".*", "^$", "None"]),
    "at_least": st.integers() | st.floats(allow_nan=False),
    "at_most": st.integers() | st.floats(allow_nan=False),
    "present": st.just(True),
}


@given(test=st.sampled_from(sorted(TESTS)), data=st.data())
def test_an_absent_attribute_meets_no_condition_but_that_it_is_absent(test, data):
    condition = Condition("StudyDescription", test, data.draw(VALUES[test]))
    assert not condition.holds_for(HEADER)
    assert not condition.holds_for({})
    assert Condition("StudyDescription", "present", False).holds_for(HEADER)


@given(
    value=st.text() | st.integers() | st.tuples(st.text(), st.text()),
    others=st.lists(st.text() | st.integers(), min_size=1).map(tuple),
)
def test_what_is_there_is_any_of_them_or_none_of_them(value, others):
    header = {"StudyDescription": value}
    any_of = Condition("StudyDescription", "any_of", others).holds_for(header)
    assert Condition("StudyDescription", "none_of", others).holds_for(header) is not any_of


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            Condition("BodyPartExamined", "any_of", ("BRAIN", "NECK")),
            "BodyPartExamined is Head; wanted: any_of BRAIN, NECK",
        ),
        (
            Condition("StudyDescription", "equals", "x"),
            "StudyDescription is absent; wanted: equals x",
        ),
        (
            Condition("ImageType", "none_of", ("M",)),
            "ImageType is ORIGINAL, PRIMARY, M; wanted: none_of M",
        ),
        (Condition("Rows", "at_most", 128), "Rows is 256; wanted: at_most 128"),
    ],
)
def test_a_condition_says_what_was_seen_and_what_was_wanted(condition, said):
    assert condition.explain(HEADER) == said


def test_a_rule_names_every_condition_that_does_not_hold(task):
    when = (
        Condition("BodyPartExamined", "equals", "HEAD"),
        Condition("Rows", "at_least", 512),
        Condition("StudyDescription", "present", True),
    )
    rule = Rule("sct", task, "native", ("pacs",), Priority.ROUTINE, when)
    assert rule.unmet(HEADER) == [when[1].explain(HEADER), when[2].explain(HEADER)]
    assert rule.unmet({**HEADER, "Rows": 512, "StudyDescription": "head"}) == []
