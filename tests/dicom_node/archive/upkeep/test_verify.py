"""What is wrong between rows and files is found, and nothing else is called wrong."""

import sys
from datetime import timedelta

import pytest

from dicom_node.archive.upkeep import verify
from dicom_node.db import InstanceRow
from tests.dicom_node.archive.objects import instance, received
from tests.dicom_node.archive.upkeep.test_erase import condemn


def faults(shelf, hours: float = 2) -> list[tuple[str, str]]:
    report = look(shelf, hours)
    return [(one.what, one.path) for one in report.faults]


def look(shelf, hours: float = 2):
    now = shelf.store.now + timedelta(hours=hours)
    return verify(shelf.database, shelf.folder, now, lambda _: None)


def some_file(shelf):
    return shelf.folder / min(shelf.named())


def change(path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.fixture
def filled(shelf):
    for study in ("one", "two"):
        shelf.add(study)
    shelf.store.keep(instance("one", number=1, PatientID="TEST-2"))
    return shelf


def test_an_archive_that_is_in_order_has_no_faults(filled):
    report = look(filled)
    sizes = sum((filled.folder / path).stat().st_size for path in filled.named())
    assert (report.faults, report.studies, report.files, report.size) == ([], 2, 11, sizes)


def test_every_file_is_looked_at_once_and_told_of(filled):
    told = []
    verify(filled.database, filled.folder, filled.store.now, told.append)
    assert sum(told) == 11


def test_a_file_that_is_gone_is_missing_and_named_with_its_object(filled):
    path = some_file(filled)
    (row,) = (r for r in filled.store.rows(InstanceRow) if str(path).endswith(r.path))
    path.unlink()
    (fault,) = look(filled).faults
    assert (fault.what, fault.path) == ("missing", row.path)
    assert (fault.study_uid, fault.sop_instance_uid) == (row.study_uid, row.sop_instance_uid)


@pytest.mark.parametrize("at", [0, 64, 128, 140, 144, 144 + 30, 144 + 100, -1, -40])
def test_one_changed_byte_is_found_wherever_it_is(filled, at):
    """In the preamble, the mark, the length, the UIDs of the meta header, the data set."""
    path = some_file(filled)
    change(path, at)
    assert faults(filled) == [("changed", str(path.relative_to(filled.folder)))]


@pytest.mark.parametrize("keep", [0, 100, 150, 400, -1])
def test_a_file_that_was_cut_is_changed(filled, keep):
    path = some_file(filled)
    path.write_bytes(path.read_bytes()[:keep])
    assert [what for what, _ in faults(filled)] == ["changed"]


def test_a_file_that_cannot_be_read_is_told(filled):
    path = some_file(filled)
    path.unlink()
    path.mkdir()
    assert [what for what, _ in faults(filled)] == ["unreadable"]


def test_a_file_of_no_row_is_found_once_it_is_old_enough(filled):
    """A younger one is being received: its row is on the way."""
    known = filled.store.archive.place(received(instance("one", number=77)))
    strange = filled.store.archive.place(received(instance("three", number=1)))
    assert faults(filled, hours=0.5) == []
    assert sorted(faults(filled)) == sorted([("no row", known.place), ("no row", strange.place)])


def test_what_waits_to_be_deleted_is_in_order(filled):
    filled.deliveries("two", "failed")
    filled.route("one")
    condemn(filled)
    assert faults(filled, hours=24 * 50) == []
    assert len(filled.doomed()) == 6


def test_a_study_that_is_deleted_meanwhile_is_owed_no_file(filled, monkeypatch):
    filled.route("one")
    ticked = []

    def meanwhile(self, row):
        if not ticked:
            ticked.append(filled.tick())
        return what(self, row)

    module = sys.modules["dicom_node.archive.upkeep.verify"]
    what = module._Look._what
    monkeypatch.setattr(module._Look, "_what", meanwhile)
    assert faults(filled) == []
    assert ticked == [2]


def test_orphans_are_counted_and_are_no_fault(filled):
    entry = filled.store.archive.place(received(instance("one", number=77)))
    orphan = filled.folder / "orphans" / entry.place
    orphan.parent.mkdir(parents=True)
    (filled.folder / entry.place).rename(orphan)
    report = look(filled)
    assert (report.faults, report.orphans) == ([], 1)


def test_what_is_being_written_and_other_files_are_left_out(filled):
    (filled.folder / "incoming" / "x.part").write_text("half")
    (filled.folder / "notes.txt").write_text("x")
    assert faults(filled) == []
