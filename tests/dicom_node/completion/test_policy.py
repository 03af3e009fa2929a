"""When a study is whole: never while somebody is sending, at once where the count says so."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.archive import Waiting
from dicom_node.completion import Limits, judge

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIMITS = Limits(quiet_s=5.0, interrupted_s=30.0, sender_limit_s=600.0)


def ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW - timedelta(seconds=seconds)


def study(**values) -> Waiting:
    """Return a study of one series with 20 instances; times are given as seconds ago."""
    facts = {
        "uid": "1.2", "revision": 20, "last_at": 1, "sending_at": None, "interrupted": False,
        "peers": ("scanner",), "series": {"1.3": 20}, "asked_at": None, "asked_revision": -1,
        "expected": None, **values,
    }  # fmt: skip
    for word in ("last_at", "sending_at", "asked_at"):
        facts[word] = ago(facts[word])
    return Waiting(**facts)


def counted(there: dict[str, int], asked_at: float = 1, **values) -> Waiting:
    """Return a study about which the sender has answered."""
    return study(asked_at=asked_at, asked_revision=20, expected=there, **values)


SITUATIONS = {
    # what is known: (may ask, complete, ask now, words of the evidence)
    "just received": (study(), False, False, False, "waiting for 5 s of quiet"),
    "almost quiet": (study(last_at=4.999), False, False, False, "waiting for 5 s of quiet"),
    "quiet": (study(last_at=5), False, True, False, "5 s of quiet"),
    "open and sending": (study(last_at=9, sending_at=4.9), False, False, False, "is sending to it"),
    "open and silent": (study(last_at=9, sending_at=5), False, True, False, "5 s of quiet"),
    "open for hours": (study(last_at=7200, sending_at=7200), False, True, False, "quiet"),
    "sent again": (study(last_at=7200, sending_at=1), False, False, False, "is sending to it"),
    "cut off": (study(last_at=29, interrupted=True), False, False, False, "waiting for 30 s after"),
    "cut off long ago": (study(last_at=30, interrupted=True), False, True, False, "cut off"),
    "to be asked": (study(last_at=99), True, False, True, "is to be asked"),
    "asked about fewer": (study(asked_at=2, asked_revision=19), True, False, True, "to be asked"),
    "asked just now": (study(asked_at=1.9, asked_revision=19), True, False, False, "to be asked"),
    "sending, so not asked": (study(sending_at=1), True, False, False, "is sending to it"),
    "no answer, not quiet": (study(asked_at=1, asked_revision=20), True, False, False, "of quiet"),
    "no answer, quiet": (
        study(last_at=5, asked_at=1, asked_revision=20), True, True, False, "5 s of quiet",
    ),
    "asked in vain, away now": (
        study(last_at=5, asked_at=1, asked_revision=19), False, True, False, "5 s of quiet",
    ),
    "as many here": (counted({"1.3": 20}), True, True, False, "has 20 instances, 20 are here"),
    "as many here, cut off": (counted({"1.3": 20}, interrupted=True), True, True, False, "20 are"),
    "as many here, peer away now": (counted({"1.3": 20}), False, True, False, "20 are here"),
    "more here than there": (counted({"1.3": 18}), True, True, False, "has 18 instances, 20"),
    "fewer here": (counted({"1.3": 22}), True, False, False, "2 instances that the sender has"),
    "fewer here, ask again": (counted({"1.3": 22}, asked_at=2), True, False, True, "2 instances"),
    "fewer here, quiet": (counted({"1.3": 22}, last_at=599), True, False, False, "2 instances"),
    "fewer here for too long": (
        counted({"1.3": 22}, last_at=600), True, True, False, "did not come in 600 s",
    ),
    "a series not begun": (
        counted({"1.3": 20, "1.4": 5}), True, False, False, "every series begun is whole",
    ),
    "a series not begun, quiet": (
        counted({"1.3": 20, "1.4": 5}, last_at=5), True, True, False, "every series begun is whole",
    ),
    "a series begun twice": (
        counted({"1.3": 20, "1.4": 5}, series={"1.3": 20, "1.4": 3}), True, False, False, "2 inst",
    ),
    "a series only here": (
        counted({"1.3": 20}, series={"1.3": 20, "1.9": 7}), True, True, False, "27 are here",
    ),
    "counted before more came": (
        counted({"1.3": 20}, revision=21, asked_at=3), True, False, True, "is to be asked",
    ),
    "counted before more came, peer away now": (
        counted({"1.3": 20}, revision=21, last_at=5), False, True, False, "5 s of quiet",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_its_verdict(name):
    waiting, may_ask, complete, ask, words = SITUATIONS[name]
    verdict = judge(waiting, NOW, LIMITS, may_ask=may_ask)
    assert (verdict.complete, verdict.ask) == (complete, ask), verdict.evidence
    assert words in verdict.evidence


def test_a_site_whose_quiet_period_is_the_longer_one_keeps_it_after_a_cut():
    limits = Limits(quiet_s=60.0, interrupted_s=30.0, sender_limit_s=600.0)
    assert not judge(study(last_at=59, interrupted=True), NOW, limits, may_ask=False).complete
    assert judge(study(last_at=60, interrupted=True), NOW, limits, may_ask=False).complete


SECONDS = st.floats(0, 10_000)
COUNTS = st.dictionaries(st.sampled_from(["1.3", "1.4", "1.5"]), st.integers(0, 30), max_size=3)
STUDIES = st.builds(
    study,
    revision=st.integers(1, 3),
    last_at=SECONDS,
    sending_at=st.none() | SECONDS,
    interrupted=st.booleans(),
    series=COUNTS,
    asked_at=st.none() | SECONDS,
    asked_revision=st.integers(-1, 3),
    expected=st.none() | COUNTS,
)
LIMITS_OF_A_SITE = st.builds(
    Limits,
    quiet_s=st.floats(0.1, 1000),
    interrupted_s=st.floats(0.1, 1000),
    sender_limit_s=st.floats(0.1, 5000),
)


@given(waiting=STUDIES, limits=LIMITS_OF_A_SITE, may_ask=st.booleans())
def test_never_while_an_association_sends(waiting, limits, may_ask):
    verdict = judge(waiting, NOW, limits, may_ask=may_ask)
    assert verdict.evidence
    if waiting.sending_at and NOW - waiting.sending_at < timedelta(seconds=limits.quiet_s):
        assert not verdict.complete
        assert not verdict.ask


@given(waiting=STUDIES, limits=LIMITS_OF_A_SITE, may_ask=st.booleans())
def test_never_complete_and_asked_at_once(waiting, limits, may_ask):
    verdict = judge(waiting, NOW, limits, may_ask=may_ask)
    assert not (verdict.complete and verdict.ask)


@given(waiting=STUDIES, limits=LIMITS_OF_A_SITE)
def test_every_study_is_whole_in_the_end_whoever_holds_an_association_open(waiting, limits):
    late = NOW + timedelta(
        seconds=max(limits.quiet_s, limits.interrupted_s, limits.sender_limit_s) + 1
    )
    assert judge(waiting, late, limits, may_ask=False).complete


@given(waiting=STUDIES, limits=LIMITS_OF_A_SITE)
def test_where_a_sender_counts_nothing_is_whole_before_it_was_asked_about_the_last_instance(
    waiting, limits
):
    verdict = judge(waiting, NOW, limits, may_ask=True)
    if waiting.asked_revision != waiting.revision:
        assert not verdict.complete


@given(
    waiting=STUDIES,
    limits=LIMITS_OF_A_SITE,
    may_ask=st.booleans(),
    more_s=st.floats(0, 10_000),
)
def test_what_is_whole_stays_so_while_nothing_comes(waiting, limits, may_ask, more_s):
    if judge(waiting, NOW, limits, may_ask=may_ask).complete:
        later = NOW + timedelta(seconds=more_s)
        assert judge(waiting, later, limits, may_ask=may_ask).complete
