"""What everybody else sees of a study that is deleted, and what keeps one from it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from dicom_node.archive.query import ATTRIBUTES, Condition, Finder, Level, Query, Retriever
from dicom_node.commitment import Reference, Request
from dicom_node.db import (
    FetchRow,
    InstanceRow,
    JobRow,
    PatientNameRow,
    QuestionRow,
    SeriesRow,
    StudyRow,
    series_of,
)
from dicom_node.promises import vouch
from dicom_node.questions import Fetch, Fetches, FetchState, Questions
from dicom_node.retention import Keep
from tests.dicom_node.archive.objects import MR_IMAGE, instance, series_uid, study_uid

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
NAME = {"PatientName": "Meier^Anna", "PatientID": "P-7"}


def found(shelf, level: Level, keyword: str, value: str) -> list[tuple[str, ...]]:
    finder = Finder(shelf.database, shelf.folder)
    return finder.keys(Query(level, (Condition(ATTRIBUTES[keyword], (value,)),), ()))


def named(shelf) -> list[tuple[str, ...]]:
    return found(shelf, Level.STUDY, "PatientName", "Meier^Anna")


def add(shelf) -> None:
    for number in range(3):
        shelf.store.keep(instance(number=number, **NAME))
    shelf.route()


def test_a_deleted_study_is_in_no_answer_and_its_patient_in_no_row(shelf):
    add(shelf)
    assert named(shelf) == [(study_uid(),)]
    assert shelf.tick() == 1
    for level in (Level.PATIENT, Level.STUDY, Level.SERIES, Level.IMAGE):
        assert found(shelf, level, "StudyInstanceUID", study_uid()) == []
    (study,) = shelf.store.rows(StudyRow)
    assert (study.header, study.patient_id, study.accession_number, study.study_date) == (
        None, None, None, None,
    )  # fmt: skip
    assert shelf.store.rows(PatientNameRow) == []
    assert [row.header for row in shelf.store.rows(SeriesRow)] == [None]


def test_a_study_that_comes_again_is_found_again_by_the_same_process(shelf):
    """The process has noted its headers once, and remembers that."""
    add(shelf)
    shelf.tick()
    shelf.store.keep(instance(number=9, **NAME))
    assert named(shelf) == [(study_uid(),)]
    assert found(shelf, Level.SERIES, "Modality", "MR") == [(study_uid(), series_uid())]


def test_a_series_that_was_deleted_alone_is_in_no_answer_and_the_other_is(shelf):
    shelf.add("old")
    assert shelf.tick(keep=Keep(received_days=30)) == 1
    (left,) = found(shelf, Level.SERIES, "StudyInstanceUID", study_uid("old"))
    assert left == (study_uid("old"), series_uid("old", "made"))
    assert found(shelf, Level.STUDY, "StudyInstanceUID", study_uid("old"))


def test_what_is_deleted_while_it_is_retrieved_is_told_apart_from_what_is_sent(shelf):
    add(shelf)
    retriever = Retriever(shelf.database, shelf.folder)
    conditions = (Condition(ATTRIBUTES["StudyInstanceUID"], (study_uid(),)),)
    selected = retriever.select(conditions)
    assert len(selected) == 3
    shelf.tick()
    assert retriever.instances([one.sop_instance_uid for one in selected]) == {}
    assert retriever.select(conditions) == []


def promise(shelf, number: int = 0):
    request = Request("2.25.1", (Reference(MR_IMAGE, instance(number=number).SOPInstanceUID),))
    with shelf.database.transaction() as session:
        return vouch(session, shelf.folder, request, ["SCANNER"], shelf.store.now)


def test_what_a_peer_was_promised_stays_however_old_and_full(shelf):
    shelf.add("one")
    shelf.add("two")
    assert len(promise(shelf).held) == 1
    assert shelf.tick(days=10_000) == 2
    assert shelf.tick(days=10_000, keep=Keep(max_bytes=1)) == 0
    series = {one["series_uid"]: one["instances"] for one in shelf.why("one")["series"]}
    assert series == {series_uid("one"): 3, series_uid("one", "made"): 0}
    assert [one["what"] for one in shelf.why("one")["deleted"]] == ["made"]


@pytest.mark.parametrize("apart", [0, 500], ids=["side by side", "far apart"])
@pytest.mark.parametrize("last", [MR_IMAGE, CT_IMAGE])
def test_what_is_named_under_two_classes_is_promised_to_nobody(shelf, apart, last):
    shelf.add("one")
    uid = instance(number=0).SOPInstanceUID
    first = CT_IMAGE if last == MR_IMAGE else MR_IMAGE
    others = tuple(Reference(MR_IMAGE, f"2.25.7.{number}") for number in range(apart))
    request = Request("2.25.1", (Reference(first, uid), *others, Reference(last, uid)))
    with shelf.database.transaction() as session:
        report = vouch(session, shelf.folder, request, ["SCANNER"], shelf.store.now)
    assert report.held == ()
    assert report.failed[uid] == 0x0119


def test_what_was_deleted_is_promised_to_nobody(shelf):
    shelf.add("one")
    shelf.tick()
    report = promise(shelf)
    assert (report.held, list(report.failed.values())) == ((), [0x0112])


def test_what_is_being_promised_is_not_deleted_meanwhile(shelf):
    """On PostgreSQL two may write at once; nobody waits for the other."""
    shelf.add("one")
    if shelf.dialect == "sqlite":
        pytest.skip("SQLite lets one write at a time")
    reference = Reference(MR_IMAGE, instance(number=0).SOPInstanceUID)
    with shelf.database.transaction() as session:
        vouch(session, shelf.folder, Request("2.25.1", (reference,)), [], shelf.store.now)
        assert shelf.tick() == 0
    with shelf.database.reading() as session:
        marked = select(InstanceRow.sop_instance_uid).where(InstanceRow.promised_at.is_not(None))
        assert session.scalars(marked).all() == [reference.sop_instance_uid]


@pytest.mark.parametrize("state", FetchState)
def test_a_study_of_which_a_series_is_fetched_stays_until_it_came_or_its_time_is_over(shelf, state):
    shelf.add("one")
    until = shelf.after(41)
    fetch = Fetch(study_uid(), "pacs", "1.7", "T2", FetchState.WANTED, until)
    with shelf.database.transaction() as session:
        Fetches(session).want([fetch], shelf.after(40))
        session.execute(update(FetchRow).values(state=state))
    is_open = state in (FetchState.WANTED, FetchState.FETCHING)
    assert shelf.tick(days=40) == (0 if is_open else 1)
    assert shelf.tick(days=41) == (1 if is_open else 0)


def test_a_study_about_which_a_peer_is_asked_stays_until_it_answered(shelf):
    shelf.add("one")
    with shelf.database.transaction() as session:
        Questions(session).consult(study_uid(), ["pacs"], shelf.after(40), 60.0, 300.0)
    assert shelf.tick(days=40) == 0
    with shelf.database.transaction() as session:
        session.execute(update(QuestionRow).values(answered_at=shelf.after(40)))
    assert shelf.tick(days=40) == 1


def test_a_peer_is_told_apart_from_us_though_what_we_made_was_deleted_here(shelf):
    shelf.add("one")
    shelf.tick()
    with shelf.database.transaction() as session:
        Questions(session).consult(study_uid(), ["pacs"], shelf.store.now, 60.0, 300.0)
    with shelf.database.reading() as session:
        question = Questions(session).due("pacs", shelf.store.now + timedelta(seconds=1))
        ((key, uids),) = session.execute(select(JobRow.key, JobRow.series_uids)).all()
    assert uids == [series_uid("one", "made")]
    assert question.made == {*uids, *series_of(key)}
    assert question.here == frozenset()
