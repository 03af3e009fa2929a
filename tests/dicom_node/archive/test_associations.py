"""Who is sending, and how each association ended."""

from datetime import timedelta

import pytest

from dicom_node.archive import Associations, Studies
from dicom_node.archive.associations import INGEST
from dicom_node.db import AssociationRow, StudyRow
from tests.dicom_node.archive.objects import instance, study_uid


def sent(store, study: str, association: str, number: int = 1, peer: str = "scanner") -> None:
    store.keep(instance(study, number=number), association=(association, peer, store.now))


def associations(store) -> dict[str, AssociationRow]:
    return {row.id: row for row in store.rows(AssociationRow)}


def interrupted(store) -> dict[str, bool]:
    return {row.uid: row.interrupted for row in store.rows(StudyRow)}


def lost(store) -> int:
    with store.database.transaction() as session:
        return Associations(session).lost(store.now)


@pytest.mark.parametrize(("released", "word"), [(True, "released"), (False, "aborted")])
def test_an_end_is_kept_with_its_time_and_its_manner(store, released, word):
    sent(store, "one", "a-1")
    store.now += timedelta(seconds=3)
    store.end("a-1", released=released)
    row = associations(store)["a-1"]
    assert (row.closed_at, row.ended) == (store.now, word)
    assert interrupted(store) == {study_uid("one"): not released}


def test_only_the_studies_of_the_association_are_interrupted(store):
    sent(store, "one", "a-1")
    sent(store, "two", "a-1")
    sent(store, "three", "a-2")
    store.end("a-1", released=False)
    assert interrupted(store) == {
        study_uid("one"): True, study_uid("two"): True, study_uid("three"): False,
    }  # fmt: skip
    assert associations(store)["a-2"].closed_at is None


def test_the_last_association_to_end_decides(store):
    sent(store, "one", "a-1", 1)
    sent(store, "one", "a-2", 2)
    store.end("a-1", released=False)
    assert interrupted(store) == {study_uid("one"): True}
    store.end("a-2", released=True)
    assert interrupted(store) == {study_uid("one"): False}


def test_an_end_is_noted_once(store):
    sent(store, "one", "a-1")
    store.end("a-1", released=True)
    first = store.now
    store.now += timedelta(seconds=3)
    store.end("a-1", released=True)
    assert associations(store)["a-1"].closed_at == first


def test_a_study_that_is_whole_is_not_interrupted_afterwards(store):
    sent(store, "one", "a-1")
    store.ask(Studies.complete, study_uid("one"), 1, "counted")
    store.end("a-1", released=False)
    assert interrupted(store) == {study_uid("one"): False}


def test_an_association_that_stored_nothing_is_no_evidence(store):
    sent(store, "one", "a-1")
    store.end("never seen", released=False)
    assert list(associations(store)) == ["a-1"]
    assert interrupted(store) == {study_uid("one"): False}


def test_what_was_open_when_the_node_died_is_lost_and_its_studies_were_cut_off(store):
    sent(store, "one", "a-1")
    sent(store, "two", "a-2")
    store.end("a-2")
    store.now += timedelta(seconds=60)
    assert lost(store) == 1
    rows = associations(store)
    assert {id_: row.ended for id_, row in rows.items()} == {"a-1": "lost", "a-2": "released"}
    assert rows["a-1"].closed_at == store.now
    assert interrupted(store) == {study_uid("one"): True, study_uid("two"): False}
    assert lost(store) == 0


def test_files_that_are_being_added_from_disk_are_not_lost_with_the_node(store):
    sent(store, "one", "a-1", peer=INGEST)
    assert lost(store) == 0
    assert associations(store)["a-1"].closed_at is None


def test_after_a_start_every_study_in_reception_has_its_quiet_period_anew(store):
    sent(store, "one", "a-1")
    sent(store, "two", "a-1")
    store.ask(Studies.complete, study_uid("two"), 1, "counted")
    before = store.now
    store.now += timedelta(hours=8)
    with store.database.transaction() as session:
        Associations(session).restart_quiet(store.now)
    assert {row.uid: row.last_at for row in store.rows(StudyRow)} == {
        study_uid("one"): store.now, study_uid("two"): before,
    }  # fmt: skip


def left_open(store, **titles) -> list[tuple[str, int, str]]:
    with store.database.reading() as session:
        found = Associations(session).left_open(titles, store.files.folder)
    return [(peer, len(ones), ones[0].study_uid) for peer, ones in found]


def test_what_an_association_brought_that_never_ended_is_found(store):
    sent(store, "before", "a-0")
    store.end("a-0")
    store.now += timedelta(seconds=1)
    for number in range(3):
        sent(store, "one", "a-1", number)
    sent(store, "two", "a-1")
    assert set(left_open(store, scanner="SCANNER")) == {
        ("scanner", 3, study_uid("one")), ("scanner", 1, study_uid("two")),
    }  # fmt: skip


def test_what_came_before_it_began_or_from_somebody_else_is_not_of_it(store):
    sent(store, "one", "a-0", 1)
    store.end("a-0")
    store.now += timedelta(seconds=1)
    sent(store, "one", "a-1", 2)
    store.keep(instance("one", number=3), sender="OTHER")
    assert left_open(store, scanner="SCANNER") == [("scanner", 1, study_uid("one"))]
    assert left_open(store, scanner="RENAMED") == []
    assert left_open(store) == []


def test_files_from_disk_are_nobodys_association(store):
    sent(store, "one", "a-1", peer=INGEST)
    assert left_open(store, scanner="SCANNER", INGEST="SCANNER") == []
