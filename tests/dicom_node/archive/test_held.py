"""Held objects: on the disk, in nobody's answer, and in the end entered or gone."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from dicom_node.archive import Archive, Held, MadeSeries
from dicom_node.archive.query import ATTRIBUTES, Condition, Finder, Level, Query, Retriever
from dicom_node.archive.upkeep import Eraser, sweep, verify
from dicom_node.db import ConflictRow, DoomedRow, HeldRow, InstanceRow, JobRow
from dicom_node.db.snapshot import snapshot
from dicom_node.errors import ArchiveBroken
from dicom_node.rejections import Rejections
from dicom_node.values import Origin, Role
from tests.dicom_node.archive.objects import instance, received, series_uid, study_uid

MADE = [instance(series="made", number=number) for number in (2, 1, 3)]
JOB = 7


@pytest.fixture
def held(store) -> MadeSeries:
    """Return what a job made of a study that is here, held."""
    store.keep(instance(series="source"))
    entries = tuple(store.archive.place(received(ds, origin=Origin.MADE)) for ds in MADE)
    made = MadeSeries(study_uid(), series_uid(series="made"), "CT", entries)
    with store.database.transaction() as session:
        at = {"due": store.now, "created_at": store.now}
        session.add(JobRow(id=JOB, key="2.25.7", study_uid=study_uid(), rule="r", task="t",
                           grid="native", priority=1, state="held", model={}, sources=[],
                           **at))  # fmt: skip
    with store.database.transaction() as session:
        store.archive.hold(session, JOB, made)
    return made


def found(store, level: Level) -> int:
    return len(list(Finder(store.database, store.archive.folder).find(Query(level, (), ()))))


def found_with(store, keyword: str, value: str) -> int:
    asked = Query(Level.STUDY, (Condition(ATTRIBUTES[keyword], (value,)),), ())
    return len(list(Finder(store.database, store.archive.folder).find(asked)))


def counts(store) -> tuple[int, int]:
    """Return how many series and instances the one study says that it has."""
    wanted = [ATTRIBUTES[f"NumberOfStudyRelated{what}"] for what in ("Series", "Instances")]
    finder = Finder(store.database, store.archive.folder)
    (header,) = finder.find(Query(Level.STUDY, (), tuple(wanted)))
    series, instances = (header[one.key]["Value"][0] for one in wanted)
    return series, instances


def decide(store, state: str) -> None:
    with store.database.transaction() as session:
        session.execute(update(JobRow).values(state=state))


def files(store) -> set[str]:
    return {str(path) for path in store.on_disk() if path.suffix == ".dcm"}


def release(store) -> MadeSeries:
    with store.database.transaction() as session:
        made = Held(session).of_job(JOB)
        Held(session).released(JOB)
        store.archive.enter(session, made.entries)
    return made


def grow_old(store) -> None:
    then = (store.now - timedelta(days=2)).timestamp()
    for path in files(store):
        os.utime(store.archive.folder / path, (then, then))


def test_nobody_is_shown_what_is_held(store, held):
    assert (found(store, Level.SERIES), found(store, Level.IMAGE)) == (1, 1)
    asked = [Condition(ATTRIBUTES["StudyInstanceUID"], (study_uid(),))]
    assert len(Retriever(store.database, store.archive.folder).select(asked)) == 1


def test_what_is_held_is_what_was_made_in_order(store, held):
    with store.database.reading() as session:
        made = Held(session).of_job(JOB)
        assert Held(session).of_job(JOB + 1) is None
    assert [entry.identity.number for entry in made.entries] == [1, 2, 3]
    assert set(made.entries) == {replace(entry, headers=None) for entry in held.entries}
    assert made.content == held.content
    assert made.content != replace(made, entries=made.entries[1:]).content


def test_its_files_are_swept_by_nobody_are_in_order_and_in_a_backup(store, held):
    before = files(store)
    grow_old(store)
    assert sweep(store.database, store.archive.folder, store.now) == 0
    report = verify(store.database, store.archive.folder, store.now, lambda _count: None)
    assert (report.files, report.faults) == (4, [])
    with snapshot(store.database) as moment:
        assert {one.path for one in moment.files()} == before
    assert files(store) == before


def test_a_held_file_that_is_gone_or_changed_is_told_of(store, held):
    first, second, _ = (store.archive.folder / entry.place for entry in held.entries)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    report = verify(store.database, store.archive.folder, store.now, lambda _count: None)
    assert sorted(fault.what for fault in report.faults) == ["changed", "missing"]


def test_what_is_released_is_found_like_any_other(store, held):
    release(store)
    assert (found(store, Level.SERIES), found(store, Level.IMAGE)) == (2, 4)
    assert store.rows(HeldRow) == []


def test_what_somebody_has_sent_here_meanwhile_is_made_here_all_the_same(store, held):
    store.keep(MADE[0])
    release(store)
    made = {row.sop_instance_uid for row in store.rows(InstanceRow) if row.origin == Origin.MADE}
    assert made == {ds.SOPInstanceUID for ds in MADE}


def test_other_content_that_was_sent_under_its_uid_makes_way_when_it_is_released(store, held):
    store.keep(instance(series="made", number=2, PatientID="ANOTHER"))
    (other,) = (row for row in store.rows(InstanceRow) if row.series_uid == held.series_uid)
    release(store)
    rows = [row for row in store.rows(InstanceRow) if row.series_uid == held.series_uid]
    assert {row.sha256 for row in rows} == {entry.sha256 for entry in held.entries}
    assert {row.origin for row in rows} == {Origin.MADE}
    (apart,) = store.rows(ConflictRow)
    assert (apart.sha256, apart.path) == (other.sha256, other.path)
    assert store.rows(HeldRow) == []
    report = verify(store.database, store.archive.folder, store.now, lambda _count: None)
    assert (report.files, report.faults) == (5, [])


def test_what_was_made_here_before_with_other_content_keeps_it_held(store, held):
    other = instance(series="made", number=2, PatientID="ANOTHER")
    with store.database.transaction() as session:
        entry = store.archive.place(received(other, origin=Origin.MADE))
        store.archive.enter(session, [entry])
    with pytest.raises(ArchiveBroken, match="taken by other content"):
        release(store)
    assert len(store.rows(HeldRow)) == 3
    assert store.rows(ConflictRow) == []


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("values", [{}, {"PatientID": "ANOTHER"}], ids=["same", "other"])
def test_what_is_sent_back_while_it_waits_is_shown_to_nobody(store, held, role, values):
    with store.database.transaction() as session:
        session.execute(update(HeldRow).values(role=role))
    for number in (1, 9):  # under a UID of an object, and under that of the series alone
        store.keep(instance(series="made", number=number, Modality="CT", **values))
    test_nobody_is_shown_what_is_held(store, held)
    assert found(store, Level.STUDY) == 1
    assert found_with(store, "ModalitiesInStudy", "CT") == 0
    assert counts(store) == (1, 1)


def test_what_was_sent_back_is_shown_once_it_is_released(store, held):
    store.keep(MADE[0])
    release(store)
    decide(store, "done")
    assert (found(store, Level.SERIES), found(store, Level.IMAGE)) == (2, 4)
    assert counts(store) == (2, 4)


def test_a_study_of_which_all_is_held_is_not_shown(store, held):
    with store.database.transaction() as session:
        session.execute(delete(InstanceRow))
    store.keep(MADE[0])
    assert found(store, Level.STUDY) == 0


def test_a_marked_copy_that_comes_back_after_it_was_taken_back_is_shown_to_nobody(store, held):
    with store.database.transaction() as session:
        session.execute(update(HeldRow).values(role=Role.MARKED))
        Rejections(session).withdraw([JOB], ("A. Physicist", "released"), store.now)
        Held(session).discard_marked(held.series_uid, store.now)
    decide(store, "done")
    store.keep(MADE[0])
    test_nobody_is_shown_what_is_held(store, held)


def test_what_is_given_up_goes_rows_first_and_is_not_given_up_while_it_is_named(store, held):
    eraser = Eraser(store.database, store.archive.folder)
    store.keep(MADE[0])
    with store.database.transaction() as session:
        assert Held(session).discard([JOB], store.now) == 3
    grow_old(store)
    assert eraser.tick(store.now) == 2
    assert store.rows(DoomedRow) == []
    assert len(files(store)) == 2  # the source, and what was sent here


def test_what_is_made_and_held_again_before_its_files_went_stays(store, held):
    with store.database.transaction() as session:
        Held(session).discard([JOB], store.now)
    again = tuple(store.archive.place(received(ds, origin=Origin.MADE)) for ds in MADE)
    with store.database.transaction() as session:
        store.archive.hold(session, JOB, replace(held, entries=again))
    grow_old(store)
    assert Eraser(store.database, store.archive.folder).tick(store.now) == 0
    assert len(files(store)) == 4


def test_what_is_not_there_any_more_cannot_be_held(store, held):
    (store.archive.folder / held.entries[0].place).unlink()
    with store.database.transaction() as session:
        Held(session).discard([JOB], store.now)
    with (
        pytest.raises(ArchiveBroken, match="1 of 3 files are gone"),
        store.database.transaction() as session,
    ):
        Archive.hold(store.archive, session, JOB, held)
    assert store.rows(HeldRow) == []
