"""Kept for good or refused, and nothing in between; on both databases."""

import hashlib
import multiprocessing
import os
import random
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from dicom_node.archive import Archive, Files, Outcome, Space, Studies
from dicom_node.archive.part10 import meta_header
from dicom_node.db import (
    AssociationRow,
    ConflictRow,
    Database,
    InstanceRow,
    SendingRow,
    SeriesRow,
    StudyRow,
)
from dicom_node.errors import ArchiveBroken, ArchiveFull, DatabaseAway, Mismatched, NotDicom
from dicom_node.values import Origin, StudyState
from tests.dicom_node.archive.objects import (
    MR_IMAGE,
    SYNTAXES,
    Store,
    instance,
    received,
    series_uid,
    study_uid,
    wire,
)


def routed(store, study: str = "one") -> None:
    """Have a study planned, so that a test sees whether it is planned again."""
    uid = study_uid(study)
    (row,) = [row for row in store.rows(StudyRow) if row.uid == uid]
    assert store.ask(Studies.complete, uid, row.revision, "for a test")
    assert store.ask(Studies.routed, uid, row.revision)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[syntax.name for syntax in SYNTAXES])
def test_what_lies_on_the_disk_is_what_was_sent_byte_for_byte(store, syntax):
    ds = instance()
    kept = store.keep(ds, syntax)
    row = store.row(InstanceRow)
    content = (store.archive.folder / row.path).read_bytes()
    head = meta_header(ds.SOPClassUID, ds.SOPInstanceUID, syntax)
    assert content == head + wire(ds, syntax)
    assert (kept.outcome, kept.sop_instance_uid) == (Outcome.NEW, ds.SOPInstanceUID)
    assert (row.transfer_syntax_uid, row.size) == (syntax, len(wire(ds, syntax)))


def test_a_new_instance_opens_its_study(store):
    ds = instance()
    store.keep(ds, association=("a-1", "scanner", store.now))
    study, series, row = store.row(StudyRow), store.row(SeriesRow), store.row(InstanceRow)
    assert (study.uid, study.state, study.revision) == (
        ds.StudyInstanceUID, StudyState.RECEIVING, 1,
    )  # fmt: skip
    assert study.first_at == study.last_at == store.now
    assert (series.study_uid, series.uid, series.synthetic) == (
        ds.StudyInstanceUID, ds.SeriesInstanceUID, False,
    )  # fmt: skip
    assert (row.origin, row.sender, row.received_at) == (Origin.RECEIVED, "SCANNER", store.now)
    assert store.row(AssociationRow).peer == "scanner"
    assert store.row(SendingRow).last_at == store.now


def test_the_same_again_changes_nothing_but_who_is_sending(store):
    store.keep(instance(), association=("a-1", "scanner", store.now))
    routed(store)
    files, first = store.on_disk(), store.now
    store.now += timedelta(seconds=9)
    kept = store.keep(instance(), association=("a-2", "pacs", store.now))
    assert kept.outcome is Outcome.SAME
    assert store.on_disk() == files
    study = store.row(StudyRow)
    assert (study.state, study.revision, study.last_at) == (StudyState.ROUTED, 1, first)
    assert store.row(InstanceRow).received_at == first
    assert {row.association_id: row.last_at for row in store.rows(SendingRow)} == {
        "a-1": first, "a-2": store.now,
    }  # fmt: skip


@pytest.mark.parametrize("syntaxes", [SYNTAXES[:2], SYNTAXES[1::-1]])
def test_the_same_in_another_encoding_changes_nothing(store, syntaxes):
    first, second = syntaxes
    store.keep(instance(), first)
    routed(store)
    files = store.on_disk()
    assert store.keep(instance(), second).outcome is Outcome.SAME
    assert store.on_disk() == files
    assert store.rows(ConflictRow) == []
    assert store.row(InstanceRow).transfer_syntax_uid == first
    assert store.row(StudyRow).state == StudyState.ROUTED


def test_the_same_in_another_encoding_from_many_at_once_changes_nothing(store):
    store.keep(instance(), ExplicitVRLittleEndian)
    files = store.on_disk()
    with ThreadPoolExecutor(8) as pool:
        again = pool.map(lambda _: store.keep(instance(), ImplicitVRLittleEndian), range(40))
    assert {kept.outcome for kept in again} == {Outcome.SAME}
    assert store.on_disk() == files


def test_other_content_under_a_known_uid_lies_apart_and_is_told(store):
    first, other = instance(), instance(PatientID="TEST-2")
    store.keep(first)
    routed(store)
    store.now += timedelta(seconds=9)
    assert store.keep(other).outcome is Outcome.DIFFERS
    row, conflict = store.row(InstanceRow), store.row(ConflictRow)
    for kept, ds in ((row, first), (conflict, other)):
        assert (store.archive.folder / kept.path).read_bytes().endswith(wire(ds))
    assert store.on_disk() == {Path(row.path), Path(conflict.path)}
    assert (conflict.study_uid, conflict.series_uid) == (study_uid(), series_uid())
    study = store.row(StudyRow)
    assert (study.state, study.revision, study.last_at) == (StudyState.RECEIVING, 2, store.now)


def test_the_same_conflict_again_is_no_news(store):
    store.keep(instance())
    store.keep(instance(PatientID="TEST-2"))
    store.ask(Studies.complete, study_uid(), 2, "for a test")
    for _ in range(2):
        assert store.keep(instance(PatientID="TEST-2")).outcome is Outcome.DIFFERS
    assert len(store.rows(ConflictRow)) == 1
    study = store.row(StudyRow)
    assert (study.state, study.revision) == (StudyState.COMPLETE, 2)


def test_a_conflict_with_another_study_makes_its_own_study_known(store):
    store.keep(instance("one"))
    uid = instance("one").SOPInstanceUID
    assert store.keep(instance("two", SOPInstanceUID=uid)).outcome is Outcome.DIFFERS
    states = {row.uid: row.state for row in store.rows(StudyRow)}
    assert states == {study_uid("one"): "receiving", study_uid("two"): "receiving"}
    assert store.row(ConflictRow).study_uid == study_uid("two")


def test_other_content_in_an_encoding_that_is_not_compared_is_a_conflict(store):
    store.keep(instance(), SYNTAXES[1])
    assert store.keep(instance(), SYNTAXES[2]).outcome is Outcome.DIFFERS
    assert len(store.on_disk()) == 2


@pytest.mark.parametrize(
    ("announced", "word"),
    [(("1.2.3", ""), "SOP Class UID"), ((MR_IMAGE, "1.2.3"), "SOP Instance UID")],
)
def test_what_its_command_did_not_announce_is_refused(store, announced, word):
    with pytest.raises(Mismatched, match=word):
        store.keep(instance(), announced=announced)
    assert store.on_disk() == set()
    assert store.rows(StudyRow) == []


def test_what_its_command_announced_is_kept(store):
    ds = instance()
    assert store.keep(ds, announced=(MR_IMAGE, ds.SOPInstanceUID)).outcome is Outcome.NEW


@pytest.mark.parametrize("word", ["StudyInstanceUID", "SOPInstanceUID"])
def test_what_cannot_be_filed_is_refused(store, word):
    with pytest.raises(NotDicom):
        store.keep(instance(**{word: ""}))
    assert store.on_disk() == set()
    assert store.rows(InstanceRow) == []


def test_a_full_disk_refuses_and_keeps_nothing(store):
    full = Archive(store.database, store.files, Space(store.files.folder, 2**70), lambda: store.now)
    with pytest.raises(ArchiveFull):
        full.keep(received(instance()))
    assert store.on_disk() == set()
    assert store.rows(InstanceRow) == []


def test_a_database_that_is_away_is_told_and_the_next_instance_is_kept(tmp_path, now):
    database = Database("sqlite:///node.db", tmp_path, busy_s=0.05)
    database.prepare()
    store = Store.on(database, tmp_path / "archive", now)
    with database.transaction() as other:
        other.execute(text("SELECT 1"))  # it holds the lock
        with pytest.raises(DatabaseAway):
            store.keep(instance(), association=("a-1", "scanner", now))
    assert store.rows(InstanceRow) == []
    store.keep(instance(), association=("a-1", "scanner", now))
    assert len(store.rows(InstanceRow)) == len(store.rows(SeriesRow)) == 1
    assert store.row(SendingRow).association_id == store.row(AssociationRow).id
    database.close()


def test_what_a_failed_batch_would_have_added_is_added_when_it_is_sent_again(store):
    planted = ("a-1", None, store.now)  # a bug of ours: a peer without a name
    with pytest.raises(IntegrityError):
        store.keep(instance("one"), association=planted)
    store.keep(instance("two"), association=("a-2", "scanner", store.now))
    store.keep(instance("one"), association=("a-1", "scanner", store.now))
    assert {row.study_uid for row in store.rows(SeriesRow)} == {study_uid("one"), study_uid("two")}
    assert {row.id for row in store.rows(AssociationRow)} == {"a-1", "a-2"}


def test_a_process_that_dies_between_file_and_row_has_promised_nothing(store, monkeypatch):
    monkeypatch.setattr(store.archive._group, "_commit", lambda _: os._exit(9))
    process = multiprocessing.get_context("fork").Process(target=store.keep, args=(instance(),))
    process.start()
    process.join()
    assert process.exitcode == 9
    monkeypatch.undo()
    assert len(store.on_disk()) == 1
    assert store.rows(InstanceRow) == store.rows(StudyRow) == []
    assert store.keep(instance()).outcome is Outcome.NEW
    assert len(store.on_disk()) == 1


def test_many_at_once_are_each_kept_once(store):
    studies, per_thread = ("one", "two", "three"), 20
    dice = random.Random(1)
    wanted = [
        [
            instance(dice.choice(studies), dice.choice("ab"), dice.randrange(60))
            for _ in range(per_thread)
        ]
        for _ in range(16)
    ]

    def send(thread: int) -> list[Outcome]:
        sender = (f"a-{thread}", "scanner", store.now)
        return [store.keep(ds, association=sender).outcome for ds in wanted[thread]]

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(outcome for sent in pool.map(send, range(16)) for outcome in sent)
    unique = {str(ds.SOPInstanceUID): ds for sent in wanted for ds in sent}
    assert outcomes == {Outcome.NEW: len(unique), Outcome.SAME: 320 - len(unique)}
    rows = {row.sop_instance_uid: row for row in store.rows(InstanceRow)}
    assert rows.keys() == unique.keys()
    for uid, row in rows.items():
        content = (store.archive.folder / row.path).read_bytes()
        assert content.endswith(wire(unique[uid]))
    assert store.on_disk() == {Path(row.path) for row in rows.values()}
    per_study = Counter(str(ds.StudyInstanceUID) for ds in unique.values())
    assert {row.uid: row.revision for row in store.rows(StudyRow)} == per_study
    series = {(str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID)) for ds in unique.values()}
    assert {(row.study_uid, row.uid) for row in store.rows(SeriesRow)} == series
    assert len(store.rows(AssociationRow)) == 16


def test_two_contents_of_one_uid_at_once_leave_one_and_a_conflict(store):
    contents = [instance(PatientID=f"TEST-{number % 2}") for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(kept.outcome for kept in pool.map(store.keep, contents))
    assert outcomes == {Outcome.NEW: 1, Outcome.SAME: 11, Outcome.DIFFERS: 12}
    assert len(store.rows(InstanceRow)) == len(store.rows(ConflictRow)) == 1
    assert len(store.on_disk()) == 2


def make(store, *datasets) -> None:
    """Enter objects made here, as a worker does."""
    entries = [store.archive.place(received(ds, origin=Origin.MADE)) for ds in datasets]
    with store.database.transaction() as session:
        store.archive.enter(session, entries)


def test_what_is_made_here_joins_its_study_without_opening_it(store):
    store.keep(instance())
    routed(store)
    for _ in range(2):  # a second run makes the same objects
        make(store, instance(series="made", number=1), instance(series="made", number=2))
    study = store.row(StudyRow)
    assert (study.state, study.revision) == (StudyState.ROUTED, 1)
    assert store.ask(Studies.made, study_uid()) == [series_uid(series="made")]
    assert {row.uid: row.synthetic for row in store.rows(SeriesRow)} == {
        series_uid(): False, series_uid(series="made"): True,
    }  # fmt: skip
    assert len(store.on_disk()) == 3


def test_what_was_swept_before_it_was_entered_is_made_again(store):
    store.keep(instance())
    entry = store.archive.place(received(instance(series="made"), origin=Origin.MADE))
    store.files.remove(entry.place)
    with (
        store.database.transaction() as session,
        pytest.raises(ArchiveBroken, match="1 of 1 files are gone"),
    ):
        store.archive.enter(session, [entry])
    assert store.ask(Studies.made, study_uid()) == []
    make(store, instance(series="made"))
    assert store.ask(Studies.made, study_uid()) == [series_uid(series="made")]


def test_what_is_made_here_under_a_uid_that_is_taken_is_not_entered(store):
    """Else the outbox would send the first content, and the job would count as done."""
    store.keep(instance())
    make(store, instance(series="made", number=1))
    other = instance(series="made", number=1, PatientID="TEST-2")
    with pytest.raises(ArchiveBroken, match="UIDs of 1 of 2 objects made here are taken"):
        make(store, instance(series="made", number=2), other)
    uids = {row.sop_instance_uid for row in store.rows(InstanceRow)}
    assert uids == {instance().SOPInstanceUID, other.SOPInstanceUID}


def test_what_is_made_here_comes_back_from_a_peer_as_the_same(store):
    store.keep(instance())
    make(store, instance(series="made"))
    routed(store)
    assert store.keep(instance(series="made")).outcome is Outcome.SAME
    assert store.row(StudyRow).state == StudyState.ROUTED


@contextmanager
def spooled(store, ds, syntax=ExplicitVRLittleEndian, **values):
    """Give what was received as it is while it lies in a temporary file."""
    whole = received(ds, syntax, **values)
    with store.archive.spool() as file:
        file.write(b"what stood before it")
        for at in range(0, len(whole.content), 70_000):
            file.write(whole.content[at : at + 70_000])
        yield replace(whole, content=file.whole(start=20))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=[syntax.name for syntax in SYNTAXES])
def test_what_came_by_way_of_a_file_is_kept_byte_for_byte(store, syntax):
    ds = instance(PatientName="Smith^John")
    ds.add_new("PixelData", "OW", os.urandom(3 * 2**20))
    with spooled(store, ds, syntax) as arrived:
        assert store.archive.keep(arrived).outcome is Outcome.NEW
    row = store.row(InstanceRow)
    head = meta_header(ds.SOPClassUID, ds.SOPInstanceUID, syntax)
    assert (store.archive.folder / row.path).read_bytes() == head + wire(ds, syntax)
    assert (row.size, row.sha256) == (
        len(wire(ds, syntax)), hashlib.sha256(wire(ds, syntax)).hexdigest(),
    )  # fmt: skip
    assert store.row(StudyRow).header["00100010"]["Value"] == [{"Alphabetic": "Smith^John"}]
    assert store.keep(ds, syntax).outcome is Outcome.SAME
    assert not list((store.archive.folder / "incoming").iterdir())


def test_a_file_with_other_content_under_a_known_uid_is_told_from_another_encoding(store):
    ds = instance()
    ds.add_new("PixelData", "OW", os.urandom(3 * 2**20))
    store.keep(ds)
    with spooled(store, ds, ImplicitVRLittleEndian) as arrived:
        assert store.archive.keep(arrived).outcome is Outcome.SAME
    ds.PixelData = ds.PixelData[:-1] + b"?"
    with spooled(store, ds) as arrived:
        assert store.archive.keep(arrived).outcome is Outcome.DIFFERS
    conflict = store.row(ConflictRow)
    assert (store.archive.folder / conflict.path).read_bytes().endswith(wire(ds))


def test_a_file_that_is_swept_at_the_worst_moment_is_written_again(store, monkeypatch):
    submit = store.archive._group.submit

    def swept(entry):
        (store.archive.folder / entry.place).unlink()
        return submit(entry)

    monkeypatch.setattr(store.archive._group, "submit", swept)
    with spooled(store, instance()) as arrived:
        store.archive.keep(arrived)
    path = store.archive.folder / store.row(InstanceRow).path
    assert path.read_bytes().endswith(wire(instance()))


def test_a_disk_that_fills_up_refuses_what_is_arriving(store, monkeypatch):
    archive = Archive(store.database, store.files, Space(store.files.folder, 2**60), None)
    with archive.spool() as file, pytest.raises(ArchiveFull):
        file.write(b"one byte is too many")


def test_a_folder_that_goes_before_its_row_is_committed_is_made_again(store, monkeypatch):
    """Whoever deletes an old study finds the folder empty, and knows of no row yet."""
    real, gone = Files.settle, []

    def settle(files, places, **keys):
        if not gone:
            gone.extend(files.folder / place for place in places)
            shutil.rmtree(gone[0].parent)
        real(files, places, **keys)

    monkeypatch.setattr(Files, "settle", settle)
    assert store.keep(instance()).outcome is Outcome.NEW
    assert gone[0].is_file()
