"""What a batch adds to the database, on both."""

from datetime import timedelta

import pytest

from dicom_node.archive import Entry, Identity, Outcome, Studies
from dicom_node.archive.index import Seen, add_conflict, add_entries
from dicom_node.db import AssociationRow, ConflictRow, InstanceRow, SendingRow, SeriesRow, StudyRow
from dicom_node.values import Origin, StudyState
from tests.dicom_node.archive.objects import MR_IMAGE


@pytest.fixture
def entry(now):
    """Make entries; what a test does not say is alike."""

    def make(
        instance="1.1", *, study="1.9", series="1.8", sha="a" * 64, later_s=0, **more
    ) -> Entry:
        values = {"origin": Origin.RECEIVED, "association": ("a-1", "scanner", now), **more}
        return Entry(
            identity=Identity(MR_IMAGE, instance, study, series),
            transfer_syntax_uid="1.2.840.10008.1.2.1",
            sha256=sha,
            size=10,
            place=f"{sha}.dcm",
            sender="SCANNER",
            received_at=now + timedelta(seconds=later_s),
            **values,
        )

    return make


@pytest.fixture
def add(database):
    """Enter a batch; return what each entry was."""
    seen = Seen()

    def batch(*entries: Entry, seen: Seen = seen) -> list[Outcome]:
        with database.transaction() as session:
            known = add_entries(session.connection(), entries, seen, lambda _place, _syntax: None)
        seen.committed()
        return [one.outcome for one in known]

    return batch


def test_within_a_batch_the_first_of_a_uid_is_new(add, entry, store):
    other = "b" * 64
    outcomes = add(entry(), entry(sha=other), entry(), entry(sha=other), entry("1.2"))
    assert outcomes == [
        Outcome.NEW, Outcome.DIFFERS, Outcome.SAME, Outcome.DIFFERS, Outcome.NEW,
    ]  # fmt: skip
    kept = {row.sop_instance_uid: row.sha256 for row in store.rows(InstanceRow)}
    assert kept == {"1.1": "a" * 64, "1.2": "a" * 64}
    assert store.row(StudyRow).revision == 2


def test_a_later_batch_meets_what_an_earlier_one_left(add, entry):
    assert add(entry()) == [Outcome.NEW]
    assert add(entry(), entry(sha="b" * 64), entry("1.2")) == [
        Outcome.SAME, Outcome.DIFFERS, Outcome.NEW,
    ]  # fmt: skip


def test_the_revision_counts_new_instances_and_the_last_one_dates_the_study(add, entry, store, now):
    add(entry("1.1"), entry("1.2", later_s=5), entry("1.3", later_s=3), entry("1.1", later_s=8))
    study = store.row(StudyRow)
    assert (study.revision, study.last_at) == (3, now + timedelta(seconds=5))
    add(entry("1.4", later_s=9), entry("1.2", later_s=10))
    study = store.row(StudyRow)
    assert (study.revision, study.last_at) == (4, now + timedelta(seconds=9))


def test_a_straggler_opens_a_study_that_was_planned(add, entry, store):
    add(entry("1.1"))
    for step in (Studies.complete, Studies.routed):
        assert store.ask(step, "1.9", 1, *(["evidence"] if step is Studies.complete else []))
    add(entry("1.1"))
    assert store.row(StudyRow).state == StudyState.ROUTED
    add(entry("1.2"))
    assert store.row(StudyRow).state == StudyState.RECEIVING


def test_each_series_and_each_association_has_one_row(add, entry, store, now):
    batch = [entry(f"1.{n}", series=f"1.8.{n % 2}", study=f"1.9.{n % 3}") for n in range(12)]
    for _ in range(2):
        add(*batch)
    add(*batch, seen=Seen())  # another process, which has seen nothing
    assert len(store.rows(SeriesRow)) == 6
    association = store.row(AssociationRow)
    assert (association.id, association.peer, association.opened_at) == ("a-1", "scanner", now)
    assert (association.closed_at, association.ended) == (None, None)
    assert {row.study_uid for row in store.rows(SendingRow)} == {"1.9.0", "1.9.1", "1.9.2"}


def test_the_last_instance_of_an_association_is_when_it_last_sent(add, entry, store, now):
    add(entry("1.1"), entry("1.2", later_s=4))
    add(entry("1.1", later_s=7))
    assert store.row(SendingRow).last_at == now + timedelta(seconds=7)


def test_one_series_uid_in_two_studies_is_two_series(add, entry, store):
    add(entry("1.1", study="1.9.1"), entry("1.2", study="1.9.2"))
    assert {(row.study_uid, row.uid) for row in store.rows(SeriesRow)} == {
        ("1.9.1", "1.8"), ("1.9.2", "1.8"),
    }  # fmt: skip


def test_what_was_made_here_opens_no_study_and_names_no_sender(add, entry, store):
    add(entry("1.1"))
    add(entry("1.2", series="1.7", origin=Origin.MADE, association=None))
    study = store.row(StudyRow)
    assert study.revision == 1
    assert {row.uid: row.synthetic for row in store.rows(SeriesRow)} == {"1.8": False, "1.7": True}
    assert len(store.rows(SendingRow)) == 1


def test_a_conflict_is_one_row_and_news_once(add, entry, store, database):
    add(entry())
    for _ in range(2):
        with database.transaction() as session:
            add_conflict(session.connection(), entry(sha="b" * 64, later_s=2))
    assert len(store.rows(ConflictRow)) == 1
    assert store.row(StudyRow).revision == 2


def test_what_was_rolled_back_is_not_remembered():
    seen = Seen()
    assert seen.news([("b",), ("a",), ("b",)]) == [("a",), ("b",)]
    seen.rolled_back()
    assert seen.news([("a",)]) == [("a",)]
    seen.committed()
    assert seen.news([("a",), ("b",)]) == [("b",)]


def test_a_study_weighs_what_is_new_of_it_and_is_no_longer_erased(database, add, entry):
    with database.transaction() as session:
        at = entry().received_at
        session.add(StudyRow(uid="1.9", state="routed", first_at=at, last_at=at, erased_at=at))
    add(entry("1.1"), entry("1.2"))
    add(entry("1.1"), entry("1.3"))
    with database.transaction() as session:
        add_conflict(session.connection(), entry("1.1", sha="b" * 64))
        add_conflict(session.connection(), entry("1.1", sha="b" * 64))
    with database.reading() as session:
        row = session.get(StudyRow, "1.9")
    assert (row.stored_bytes, row.erased_at) == (40, None)


def test_what_was_made_is_no_news_and_weighs_nothing_until_it_is_weighed(database, add, entry):
    add(entry("1.1"))
    add(entry("1.2", origin=Origin.MADE, association=None))
    with database.transaction() as session:
        Studies(session, None).weigh("1.9", 10)
    with database.reading() as session:
        row = session.get(StudyRow, "1.9")
    assert (row.stored_bytes, row.revision) == (20, 1)
