"""What may go, and what may not whatever the rules say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.archive.upkeep import Amount, Holding, Part
from dicom_node.retention import Keep, judge
from dicom_node.values import DeliveryState, JobState, StudyState

T0 = datetime(2026, 1, 2, tzinfo=UTC)
OLD = T0 + timedelta(days=400)
HOLDING = Holding(
    uid="1.2",
    state=StudyState.ROUTED,
    since=T0,
    last_at=T0,
    peers=("scanner",),
    jobs=(JobState.DONE, JobState.REFUSED, JobState.FAILED, JobState.CANCELLED),
    deliveries=(("pacs", DeliveryState.RECEIPTED),),
    parts={Part.RECEIVED: Amount(3, 300, T0), Part.MADE: Amount(2, 20, T0 + timedelta(days=5))},
)
KEEP = Keep(received_days=30, made_days=10, max_bytes=100)


def going(holding: Holding, now: datetime = OLD, keep: Keep = KEEP, *, over: bool = False):
    return {one.part: one.rule for one in judge(holding, now, keep, over=over).going}


def test_what_is_old_enough_goes_and_the_rule_is_named():
    assert going(HOLDING) == {
        Part.RECEIVED: "retention.received_days = 30",
        Part.MADE: "retention.made_days = 10",
    }


@pytest.mark.parametrize(
    ("days", "parts"),
    [(14.9, set()), (15, {Part.MADE}), (29.9, {Part.MADE}), (30, {Part.MADE, Part.RECEIVED})],
)
def test_each_part_has_its_own_age(days, parts):
    """What was made is five days younger than what it was made from."""
    assert set(going(HOLDING, T0 + timedelta(days=days))) == parts


def test_a_known_instance_that_came_again_makes_the_study_young_again():
    again = replace(HOLDING, last_at=OLD - timedelta(days=29))
    assert set(going(again)) == {Part.MADE}


def test_an_age_of_zero_means_never():
    assert going(HOLDING, keep=Keep(made_days=10)) == {Part.MADE: "retention.made_days = 10"}
    verdict = judge(HOLDING, OLD, Keep())
    assert verdict.going == ()
    assert "no age is set for what was received" in verdict.stays[0]


FORBIDDEN = {
    "reception": {"state": StudyState.RECEIVING},
    "in reception": {"state": StudyState.COMPLETE},
    "less than an hour ago": {"last_at": OLD - timedelta(minutes=59)},
    "a job of it is waiting": {"jobs": (JobState.DONE, JobState.WAITING)},
    "a job of it is running": {"jobs": (JobState.RUNNING,)},
    "a job of it is held": {"jobs": (JobState.HELD, JobState.DONE)},
    "waiting for pacs; receipted": {"deliveries": (("pacs", DeliveryState.WAITING),)},
    "sending for pacs; receipted": {"deliveries": (("pacs", DeliveryState.SENDING),)},
    "sent for pacs; receipted": {"deliveries": (("pacs", DeliveryState.SENT),)},
    "pacs is still asked about it": {"awaited": (("pacs", OLD + timedelta(seconds=1)),)},
    "failed for b; receipted": {
        "deliveries": (("a", DeliveryState.RECEIPTED), ("b", DeliveryState.FAILED))
    },
}


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("text", FORBIDDEN)
def test_what_is_not_done_stays_however_old_and_however_full_the_archive(text, over):
    verdict = judge(replace(HOLDING, **FORBIDDEN[text]), OLD, KEEP, over=over)
    assert verdict.going == ()
    assert text in verdict.stays[0]


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize(
    ("named", "text"),
    [
        ({"keep_days": 401}, "retention.keep_days = 401"),
        ({"keep_from": frozenset({"other", "scanner"})}, "retention.keep_from names scanner"),
        ({"keep_studies": frozenset({"1.2"})}, "retention.keep_studies names it"),
    ],
)
def test_what_is_to_be_kept_whatever_happens_stays(named, text, over):
    verdict = judge(HOLDING, OLD, replace(KEEP, **named), over=over)
    assert (verdict.going, verdict.stays) == ((), (text,))


@pytest.mark.parametrize(
    ("delivered", "unable", "state", "goes"),
    [
        ("best", {"pacs"}, DeliveryState.SENT, True),
        ("best", set(), DeliveryState.SENT, False),  # it can be asked, or peers.toml has it no more
        ("best", set(), DeliveryState.RECEIPTED, True),
        ("best", {"other"}, DeliveryState.SENT, False),
        ("best", {"pacs"}, DeliveryState.WAITING, False),
        ("receipted", {"pacs"}, DeliveryState.SENT, False),
        ("receipted", {"pacs"}, DeliveryState.RECEIPTED, True),
    ],
)
def test_a_delivery_is_done_by_the_best_that_its_destination_can_give(
    delivered, unable, state, goes
):
    keep = replace(KEEP, delivered=delivered, unable=frozenset(unable))
    verdict = judge(replace(HOLDING, deliveries=(("pacs", state),)), OLD, keep)
    assert bool(verdict.going) is goes
    assert goes or " is wanted" in verdict.stays[0]


def test_who_was_asked_and_did_not_answer_in_time_holds_up_nothing():
    assert going(replace(HOLDING, awaited=(("pacs", OLD),)))


@pytest.mark.parametrize("over", [False, True])
def test_what_a_peer_was_promised_stays_for_good_and_the_rest_goes(over):
    promised = {**HOLDING.parts, Part.RECEIVED: Amount(3, 300, T0, promised=1)}
    verdict = judge(replace(HOLDING, parts=promised), OLD, KEEP, over=over)
    assert [one.part for one in verdict.going] == [Part.MADE]
    assert verdict.stays == ("a peer was promised what was received (storage commitment)",)


def test_a_full_archive_lets_go_of_what_is_there_at_any_age():
    young = T0 + timedelta(days=1)
    rule = "retention.max_gb = 1e-07"
    assert going(HOLDING, young, over=True) == {Part.RECEIVED: rule, Part.MADE: rule}
    alone = replace(HOLDING, parts={Part.MADE: Amount(1, 1, T0)})
    assert going(alone, young, over=True) == {Part.MADE: rule}


@given(
    state=st.sampled_from(StudyState),
    jobs=st.lists(st.sampled_from(JobState)).map(tuple),
    deliveries=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(DeliveryState))).map(
        tuple
    ),
    delivered=st.sampled_from(["best", "receipted"]),
    days=st.floats(0, 500),
    over=st.booleans(),
)
def test_whatever_goes_was_finished(state, jobs, deliveries, delivered, days, over):
    holding = replace(HOLDING, state=state, jobs=jobs, deliveries=deliveries)
    keep = replace(KEEP, delivered=delivered, unable=frozenset("b"), keep_days=2.0)
    if not judge(holding, T0 + timedelta(days=days), keep, over=over).going:
        return
    assert state is StudyState.ROUTED
    assert not {JobState.WAITING, JobState.RUNNING, JobState.HELD} & set(jobs)
    for destination, one in deliveries:
        may_be_sent = delivered == "best" and destination == "b"  # "a" can be asked
        assert one is DeliveryState.RECEIPTED or (may_be_sent and one is DeliveryState.SENT)
    assert days >= 2
