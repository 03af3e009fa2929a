"""Where each study stands, and what is known of its series."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from dicom_node.archive import SeriesFacts, Studies
from dicom_node.db import DecisionRow, SeriesRow, StudyRow
from dicom_node.values import Origin, StudyState
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid


def sent(store, study="one", number=1, association="a-1", peer="scanner", **values) -> str:
    ds = instance(study, number=number, **values)
    store.keep(ds, association=(association, peer, store.now))
    return str(ds.SOPInstanceUID)


def made(store) -> str:
    ds = instance(series="made")
    entry = store.archive.place(received(ds, origin=Origin.MADE))
    with store.database.transaction() as session:
        store.archive.enter(session, [entry])
    return str(ds.SeriesInstanceUID)


def test_a_study_in_reception_shows_all_the_evidence(store):
    start = store.now
    sent(store, number=1)
    store.now += timedelta(seconds=2)
    sent(store, number=2, association="a-2", peer="pacs")
    made(store)
    (waiting,) = store.ask(Studies.receiving)
    assert (waiting.uid, waiting.revision, waiting.last_at) == (study_uid(), 2, store.now)
    assert (waiting.sending_at, waiting.interrupted) == (store.now, False)
    assert (waiting.peers, waiting.series) == (("pacs", "scanner"), {series_uid(): 2})
    assert (waiting.asked_at, waiting.asked_revision, waiting.expected) == (None, -1, None)
    store.end("a-2", released=False)
    (waiting,) = store.ask(Studies.receiving)
    assert (waiting.sending_at, waiting.interrupted) == (start, True)
    store.end("a-1")
    (waiting,) = store.ask(Studies.receiving)
    assert (waiting.sending_at, waiting.interrupted) == (None, False)


def test_the_study_that_waits_longest_comes_first(store):
    for study in ("one", "two", "three"):
        sent(store, study)
        store.now += timedelta(seconds=1)
    sent(store, "one", 2)
    uids = [waiting.uid for waiting in store.ask(Studies.receiving)]
    assert uids == [study_uid("two"), study_uid("three"), study_uid("one")]


@pytest.mark.parametrize("expected", [None, {}, {"1.2": 3, "1.1": 4}])
def test_an_answer_of_the_sender_is_kept_with_what_it_was_about(store, expected):
    sent(store)
    store.ask(Studies.note_answer, study_uid(), 1, store.now, expected)
    (waiting,) = store.ask(Studies.receiving)
    assert (waiting.asked_at, waiting.asked_revision) == (store.now, 1)
    assert waiting.expected == expected


def test_a_study_is_complete_only_as_it_was_judged(store):
    sent(store)
    sent(store, number=2)
    assert not store.ask(Studies.complete, study_uid(), 1, "too early")
    assert store.ask(Studies.complete, study_uid(), 2, "counted")
    assert not store.ask(Studies.complete, study_uid(), 2, "twice")
    study = store.row(StudyRow)
    assert (study.state, study.evidence) == (StudyState.COMPLETE, "counted")
    assert store.ask(Studies.receiving) == []
    assert store.ask(Studies.to_plan, store.now) == [(study_uid(), 2)]


def test_a_study_is_planned_only_as_it_was_read(store):
    sent(store)
    assert not store.ask(Studies.routed, study_uid(), 1)
    store.ask(Studies.complete, study_uid(), 1, "counted")
    assert not store.ask(Studies.routed, study_uid(), 0)
    assert store.ask(Studies.routed, study_uid(), 1)
    assert store.row(StudyRow).state == StudyState.ROUTED
    assert store.ask(Studies.to_plan, store.now) == []


def test_a_study_that_is_put_off_is_left_alone_until_then_or_until_more_of_it_comes(store):
    sent(store)
    store.ask(Studies.complete, study_uid(), 1, "counted")
    store.ask(Studies.put_off, study_uid(), store.now + timedelta(seconds=30))
    assert store.ask(Studies.to_plan, store.now + timedelta(seconds=29)) == []
    assert store.ask(Studies.to_plan, store.now + timedelta(seconds=30)) == [(study_uid(), 1)]
    sent(store, number=2)
    store.ask(Studies.complete, study_uid(), 2, "counted")
    assert store.ask(Studies.to_plan, store.now) == [(study_uid(), 2)]


def test_the_files_of_a_study_are_those_received_series_by_series(store):
    uids = sorted(sent(store, number=number) for number in range(3))
    other = sent(store, SeriesInstanceUID="1.2.3", number=9)
    series = made(store)
    files = store.ask(Studies.files, study_uid())
    assert {uid: [one.sop_instance_uid for one in found] for uid, found in files.items()} == {
        series_uid(): uids, "1.2.3": [other],
    }  # fmt: skip
    assert all(one.path.is_file() for found in files.values() for one in found)
    assert store.ask(Studies.made, study_uid()) == [series]
    (waiting,) = store.ask(Studies.receiving)
    assert waiting.series == {series_uid(): 3, "1.2.3": 1}


def test_studies_in_reception_cost_no_query_each(store):
    for number in range(5):
        store.now += timedelta(seconds=1)
        for image in range(number + 1):
            sent(store, f"study {number}", number=image)
    asked: list[str] = []
    with store.database.reading() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *said: asked.append(said[2]))
        found = Studies(session, store.files.folder).receiving()
    assert len(asked) == 3
    assert [(one.uid, sum(one.series.values())) for one in found] == [
        (study_uid(f"study {number}"), number + 1) for number in range(5)
    ]
    assert [one.revision for one in found] == [1, 2, 3, 4, 5]


def test_of_thousands_in_reception_only_those_are_read_that_may_be_whole(store):
    began = store.now
    for study, peer in (("old", "scanner"), ("asked", "pacs"), ("new", "scanner")):
        sent(store, study, peer=peer, association=f"to {study}")
        store.now += timedelta(seconds=1)

    def read(seconds, *senders) -> list[str]:
        until = began + timedelta(seconds=seconds)
        return [one.uid for one in store.ask(Studies.receiving, until, senders)]

    old, asked, new = map(study_uid, ("old", "asked", "new"))
    assert read(-1) == []
    assert read(0) == [old]
    assert read(0, "pacs") == [old, asked]
    assert read(-1, "pacs", "other") == [asked]
    assert read(2) == [old, asked, new]


def test_instances_come_by_name_and_the_absent_are_left_out(store):
    uids = sorted(sent(store, number=number) for number in range(3))
    found = store.ask(Studies.instances, [*reversed(uids), "1.2.3"])
    assert [one.sop_instance_uid for one in found] == uids


def test_conflicts_are_counted_by_series(store):
    sent(store, number=1)
    sent(store, number=2)
    for number, patient in ((1, "TEST-2"), (1, "TEST-3"), (2, "TEST-2")):
        sent(store, number=number, PatientID=patient)
    assert store.ask(Studies.conflicts, study_uid()) == {series_uid(): 3}
    assert store.ask(Studies.conflicts, "1.2.3") == {}


def test_what_was_understood_of_a_series_is_kept(store):
    sent(store)
    reason = {"code": "GEOM_GAP", "text": "a slice is missing"}
    facts = SeriesFacts(
        series_uid=series_uid(), modality="MR", description="t1 «Kopf»", label="T1",
        synthetic=False, verdict="refuse", reasons=(reason,),
        tasks={"ct_from_mr": {"verdict": "refuse", "reasons": [reason]}},
    )  # fmt: skip
    store.ask(Studies.note_series, study_uid(), [facts])
    row = store.row(SeriesRow)
    assert (row.modality, row.description, row.label, row.verdict) == (
        "MR", "t1 «Kopf»", "T1", "refuse",
    )  # fmt: skip
    assert (row.reasons, row.tasks) == ([reason], facts.tasks)


def test_the_last_decision_of_a_rule_counts(store):
    sent(store)
    store.ask(Studies.note_decision, study_uid(), "sct", ["no series is T1"], store.now)
    row = store.row(DecisionRow)
    assert (row.fired, row.unmet) == (False, ["no series is T1"])
    store.now += timedelta(seconds=1)
    store.ask(Studies.note_decision, study_uid(), "sct", [], store.now)
    row = store.row(DecisionRow)
    assert (row.fired, row.unmet, row.decided_at) == (True, [], store.now)
