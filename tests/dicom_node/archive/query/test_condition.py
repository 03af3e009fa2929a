"""Matching by PS3.4 C.2.2.2: one sentence of the standard a test."""

import time
from fnmatch import translate
from re import fullmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.archive.query import ATTRIBUTES, Condition
from dicom_node.archive.query.condition import _is_like
from dicom_node.errors import QueryInvalid


def matches(keyword: str, wanted: str, *values) -> bool:
    return Condition(ATTRIBUTES[keyword], (wanted,)).holds_for(values)


@pytest.mark.parametrize("wanted", ["", "*", "**"])
def test_universal_matching_takes_what_has_no_value_too(wanted):
    assert matches("StudyDescription", wanted)
    assert Condition(ATTRIBUTES["StudyDescription"], ()).holds_for(())


def test_no_key_at_all_is_universal_but_a_star_in_a_uid_is_a_letter():
    assert not matches("StudyInstanceUID", "*", "1.2.3")


def test_a_single_value_is_the_whole_value():
    assert matches("PatientID", "A1", "A1")
    assert not matches("PatientID", "A1", "A12")
    assert not matches("PatientID", "a1", "A1")  # case counts but in names


def test_spaces_around_a_value_do_not_count():
    assert matches("PatientID", " A1 ", "A1")


def test_one_value_of_many_is_enough():
    assert matches("ImageType", "ORIGINAL", "DERIVED", "ORIGINAL")


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("A*", "A", True), ("A*", "ABC", True), ("A*", "XA", False), ("*C", "ABC", True),
        ("A?C", "ABC", True), ("A?C", "AC", False), ("?", "", False), ("A**C", "AC", True),
        ("*B*D", "ABCBD", True), ("*B*D", "ABCBE", False), ("A*", "A*", True), ("[A]", "A", False),
        ("[A]", "[A]", True),
    ],
)  # fmt: skip
def test_a_star_is_any_letters_and_a_question_mark_any_one(wanted, value, expected):
    assert matches("StudyDescription", wanted, value) is expected


LETTERS = st.text(alphabet="ab*?[", max_size=12)


@given(LETTERS, st.text(alphabet="ab[", max_size=12))
def test_wildcards_agree_with_those_of_a_shell(pattern, text):
    regex = translate(pattern.replace("[", "[[]"))
    assert _is_like(pattern, text) is (fullmatch(regex, text) is not None)


def test_many_stars_take_no_longer():
    began = time.monotonic()
    assert not _is_like("a*" * 200 + "b", "a" * 10_000)
    assert time.monotonic() - began < 20  # a regular expression does not come back


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("20260102", True), ("20260101-20260103", True), ("20260102-", True), ("-20260102", True),
        ("20260103-", False), ("-20260101", False), ("2026.01.02", True),
    ],
)  # fmt: skip
def test_dates_match_by_range_both_ends_included(wanted, expected):
    assert matches("StudyDate", wanted, "20260102") is expected
    assert matches("StudyDate", wanted, "2026.01.02") is expected
    assert not matches("StudyDate", wanted)


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("10", "103059.5", True), ("1030-1031", "103159.999999", True),
        ("1030-1031", "1032", False), ("-1030", "103000", True),
        ("103000", "1030", True), ("10:30:00", "103000.0", True),
    ],
)  # fmt: skip
def test_a_time_that_leaves_out_seconds_is_any_of_them(wanted, value, expected):
    assert matches("StudyTime", wanted, value) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("20261122093000", True), ("20261122", True), ("202611", True), ("2026", True),
        ("20261122-", True), ("-20261122", True), ("20261101-20261122", True),
        ("20261122-20261123", True), ("2025-2026", True), ("2026112209-2026112209", True),
        ("-20261121", False), ("20261123-", False), ("2025", False), ("202610", False),
        ("20261122093000.5", False), ("2026112210", False),
    ],
)  # fmt: skip
def test_a_moment_that_leaves_out_digits_is_any_that_has_them(wanted, expected):
    assert matches("AcquisitionDateTime", wanted, "20261122093000") is expected
    assert matches("AcquisitionDateTime", wanted, "20261122093000.000000") is expected


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("20261122093000+0100", "20261122083000+0000", True),
        ("20261122093000+0100", "20261122093000+0000", False),
        ("20261122-20261122", "20261122235959+0100", True),
        ("20261122+0100", "20261121233000+0000", True),
        ("20261122+0100", "20261122233000+0000", False),
        ("202611+0000", "20261201003000+0100", True),
        ("202611+0000", "20261201003000-0100", False),
        ("20261122080000+0000-20261122090000+0000", "20261122033000-0500", True),
        ("20261122093000+0100", "20261122093000", True),
        ("20261122093000", "20261122093000+0100", True),
        ("20261322+0100", "20261322093000+0000", True),
        ("0001+0100", "00010101+0100", True),
    ],
)  # fmt: skip
def test_offsets_from_utc_are_taken_off_where_both_sides_have_one(wanted, value, expected):
    assert matches("AcquisitionDateTime", wanted, value) is expected


@pytest.mark.parametrize(
    ("keyword", "wanted"),
    [("AcquisitionDateTime", "20261"), ("AcquisitionDateTime", "2026.5"),
     ("StudyDate", "2026"), ("StudyDate", "20260101-x"), ("StudyDate", "-"), ("StudyTime", "1"),
     ("SeriesNumber", "one"), ("StudyDate", "*"), ("PatientBirthDate", "MEIER^ANNA")],
)  # fmt: skip
def test_what_is_no_date_time_or_number_is_an_error_with_an_example(keyword, wanted):
    with pytest.raises(QueryInvalid, match=rf"{keyword} is no \w+; .* is wanted") as error:
        Condition(ATTRIBUTES[keyword], (wanted,))
    assert "'" not in str(error.value), "nor what it says"


def test_numbers_are_numbers_however_they_are_written():
    assert matches("SeriesNumber", "007", 7)
    assert matches("Rows", "256", 256)
    assert not matches("SeriesNumber", "7", "seven")


YAMADA = {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("YAMADA^TAROU", True), ("yamada*", True), ("山田*", True), ("やまだ^たろう", True),
        ("yamada^tarou=山田*", True), ("yamada^tarou=太郎*", False), ("=山田*", True),
        ("Yamada^Tarou^^^=山田^太郎^^^", True), ("Yamada^Tarou^=太郎*", False),
        ("Yamada", False), ("Yamada^Tarou^^", True), ("tarou*", False),
    ],
)  # fmt: skip
def test_a_name_matches_in_any_script_whatever_its_case(wanted, expected):
    assert matches("PatientName", wanted, YAMADA) is expected


def test_letters_composed_in_two_ways_are_the_same():
    assert matches("PatientName", "JOSE\N{COMBINING ACUTE ACCENT}*", {"Alphabetic": "José^Luis"})


def test_a_list_of_uids_is_any_of_them():
    condition = Condition(ATTRIBUTES["StudyInstanceUID"], ("1.2", "1.3"))
    assert condition.holds_for(["1.3"])
    assert not condition.holds_for(["1.4"])
