"""Files go after their rows: killed at any step, and whoever comes meanwhile, no row is without its
file, and no file without its row for ever."""

import os
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import delete

from dicom_node.archive import Archive, Files, Space
from dicom_node.archive.upkeep import Eraser, sweep
from dicom_node.archive.upkeep.sweep import ORPHANS
from dicom_node.db import Database, DoomedRow, InstanceRow, StudyRow
from dicom_node.errors import ArchiveBroken
from dicom_node.retention import RetentionStage
from tests.dicom_node.archive.objects import instance, received, study_uid
from tests.dicom_node.db.clean import LONG
from tests.dicom_node.retention.shelf import KEEP
from tests.support.killed import interrupted_at, killed_at

MANY = 400
HOUR = timedelta(hours=1)


def condemn(shelf, study: str = "one") -> None:
    """Delete the rows, and die before the files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Eraser, "tick", lambda *_: 0)
        assert shelf.tick() == 1


def tick_elsewhere(url: str, folder, now) -> None:
    """What the stage of another process does, with connections of its own."""
    database = Database(url, folder.parent)
    RetentionStage(database, folder, KEEP).tick(now)
    database.close()


def url_of(shelf) -> str:
    """Return the URL of its database; on SQLite that of the file."""
    return shelf.database._engine.url.render_as_string(hide_password=False)


def age(shelf, days: float = 60) -> None:
    """Let every file have been written long ago."""
    then = (shelf.store.now - timedelta(days=days)).timestamp()
    for path in shelf.files():
        os.utime(shelf.folder / path, (then, then))


def aside(shelf) -> list:
    return [path for path in shelf.files() if path.suffix == ".doomed"]


@pytest.mark.timeout(600)
@LONG
def test_killed_at_every_step_it_leaves_no_row_without_file_and_no_file_for_ever(shelf, every):
    for step in range(1, MANY, every):
        shelf.add(f"study {step}", received_ones=2, made=1)
        work = partial(tick_elsewhere, url_of(shelf), shelf.folder, shelf.after(40))
        killed = killed_at(step, work)
        assert shelf.named() <= shelf.files(), f"killed at step {step}"
        shelf.tick()
        assert shelf.files() == shelf.named() == shelf.doomed() == shelf.folders() == set()
        told = [one["what"] for one in shelf.why(f"study {step}")["deleted"]]
        assert told == ["received", "made"], f"killed at step {step}"
        if not killed:
            break
    assert 20 < step < MANY - 1


@pytest.mark.timeout(600)
@LONG
def test_sent_again_at_any_step_it_is_kept(shelf, every):
    """What was answered Success is there: its row, and its file."""
    for step in range(1, MANY, every):
        study = f"study {step}"
        shelf.add(study, received_ones=1, made=0)
        age(shelf)
        archive = Archive(
            Database(url_of(shelf), shelf.folder.parent),
            Files(shelf.folder),
            Space(shelf.folder, 0),
            lambda: shelf.after(40),
        )
        work = partial(tick_elsewhere, url_of(shelf), shelf.folder, shelf.after(40))
        again = partial(archive.keep, received(instance(study, number=0)))
        stopped = interrupted_at(step, work, again)
        assert shelf.named() <= shelf.files(), f"interrupted at step {step}"
        shelf.erase()
        assert shelf.named() == shelf.files(), f"interrupted at step {step}"
        assert len(shelf.named()) <= step
        archive._database.close()
        if not stopped:
            break
    assert 10 < step < MANY - 1


def keep_elsewhere(url: str, folder, study: str, now) -> None:
    """What an association does that sends one instance again."""
    database = Database(url, folder.parent)
    archive = Archive(database, Files(folder), Space(folder, 0), lambda: now)
    association = (f"association of {study}"[:36], "scanner", now)
    archive.keep(received(instance(study, number=1), association=association))
    database.close()


@pytest.mark.timeout(600)
@LONG
def test_deleted_at_any_step_of_being_sent_again_it_is_kept(shelf):
    for step in range(1, MANY):
        study = f"study {step}"
        shelf.add(study, received_ones=2, made=1)
        age(shelf)
        now = shelf.after(40)
        again = partial(keep_elsewhere, url_of(shelf), shelf.folder, study, now)
        stopped = interrupted_at(step, again, shelf.tick)
        shelf.erase()
        uid = instance(study, number=1).SOPInstanceUID
        assert uid in instances(shelf), f"interrupted at step {step}"
        (row,) = (row for row in shelf.store.rows(StudyRow) if row.uid == study_uid(study))
        assert row.erased_at is None, f"interrupted at step {step}"
        assert shelf.named() == shelf.files(), f"interrupted at step {step}"
        if not stopped:
            break
    assert 5 < step < MANY - 1


def instances(shelf) -> set[str]:
    return {row.sop_instance_uid for row in shelf.store.rows(InstanceRow)}


def test_a_file_that_was_written_lately_waits_for_its_row(shelf):
    """A sender whose row is not committed yet must find the file that it wrote."""
    shelf.add("one", received_ones=2, made=0)
    condemn(shelf)
    entry = shelf.store.archive.place(received(instance(number=1)))
    soon = datetime.now(UTC) + timedelta(minutes=1)
    eraser = Eraser(shelf.database, shelf.folder)
    age(shelf)
    os.utime(shelf.folder / entry.place)
    due_now(shelf)
    assert eraser.tick(soon) == 1
    assert {str(path) for path in shelf.files()} == {entry.place}
    assert eraser.tick(soon + timedelta(minutes=50)) == 0
    assert eraser.tick(soon + HOUR + timedelta(minutes=1)) == 1
    assert shelf.files() == shelf.doomed() == set()


def due_now(shelf) -> None:
    with shelf.database.transaction() as session:
        session.query(DoomedRow).update({"due": shelf.store.now})


def test_what_a_crash_left_aside_is_given_back_when_its_object_came_again(shelf):
    shelf.add("one", received_ones=2, made=0)
    condemn(shelf)
    for path in shelf.files():
        (shelf.folder / path).rename(shelf.folder / f"{path}.doomed")
    for number in range(2):
        shelf.store.keep(instance(number=number))
    first, second = sorted(shelf.named())
    (shelf.folder / first).unlink()  # it was looked for before the crash moved it
    assert Eraser(shelf.database, shelf.folder).rescue() == 2
    assert shelf.files() == shelf.named() == {first, second}
    assert shelf.doomed() == set()


def test_what_is_given_back_has_its_name_for_good_before_it_is_forgotten(shelf, monkeypatch):
    """A power cut after that would leave it aside, where nobody looks for it any more."""
    shelf.add("one", received_ones=1, made=0)
    condemn(shelf)
    (path,) = shelf.files()
    (shelf.folder / path).rename(shelf.folder / f"{path}.doomed")
    shelf.store.keep(instance(number=0))
    synced = []
    monkeypatch.setattr(
        "dicom_node.archive.upkeep.erase.sync_folder",
        lambda folder: synced.append((folder, bool(shelf.doomed()))),
    )
    assert Eraser(shelf.database, shelf.folder).rescue() == 1
    assert synced == [((shelf.folder / path).parent, True)]


def test_a_sweep_leaves_what_is_condemned_in_its_place(shelf):
    shelf.add("one")
    condemn(shelf)
    before = shelf.files()
    assert sweep(shelf.database, shelf.folder, shelf.after(41)) == 0
    assert shelf.files() == before
    assert shelf.erase() == 5


def test_a_sweep_takes_what_nobody_condemned(shelf):
    """The fault that the test above would hide."""
    shelf.add("one", made=0)
    condemn(shelf)
    with shelf.database.transaction() as session:
        session.execute(delete(DoomedRow))
    assert sweep(shelf.database, shelf.folder, shelf.after(41)) == 3
    assert {path.parts[0] for path in shelf.files()} == {ORPHANS}


def test_files_that_are_gone_already_are_no_error(shelf):
    shelf.add("one")
    condemn(shelf)
    for path in shelf.files():
        (shelf.folder / path).unlink()
    shelf.erase()
    assert shelf.doomed() == set()


def test_a_disk_that_lets_nothing_be_deleted_is_told_and_tried_again(shelf, monkeypatch):
    shelf.add("one")
    condemn(shelf)
    with monkeypatch.context() as patch:

        def refused(*_, **__):
            raise PermissionError(13, "Permission denied")

        patch.setattr("pathlib.Path.unlink", refused)
        with pytest.raises(ArchiveBroken, match=r"cannot be deleted: Permission denied; check"):
            shelf.erase()
    assert len(shelf.doomed()) == 5
    assert shelf.erase() == 5
    assert shelf.files() == shelf.doomed() == set()
    assert aside(shelf) == []


def test_a_folder_with_something_else_in_it_stays(shelf):
    uid = shelf.add("one")
    other = shelf.folder / shelf.store.files.place_of(uid, "0" * 64)
    other.with_name("note.txt").write_text("of somebody")
    assert shelf.tick() == 1
    assert [path.name for path in shelf.files()] == ["note.txt"]
    assert shelf.why("one")["study_uid"] == study_uid("one")
