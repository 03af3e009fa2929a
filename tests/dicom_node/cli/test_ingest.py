"""Files from disk: one that cannot be read costs no other, and the summary always comes."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from dicom_node.app import open_node
from dicom_node.archive import Archive
from dicom_node.cli.context import Context
from dicom_node.cli.ingest import ingest
from dicom_node.db import AssociationRow, InstanceRow, StudyRow
from dicom_node.errors import ArchiveFull
from tests.support.mr import MrSeries


class Scene:
    """A configuration folder, and a folder of files to add."""

    def __init__(self, folder: Path, slices: int = 3) -> None:
        self.conf, self.files = folder / "conf", folder / "in"
        self.conf.mkdir()
        self.files.mkdir()
        (self.conf / "node.toml").write_text("[archive]\nkeep_free_mb = 0\n")
        self.paths = MrSeries(slices=slices).write(self.files / "series")

    def run(self):
        context = Context(self.conf, {})
        return CliRunner().invoke(ingest, [str(self.files)], obj=context)

    def rows(self, table):
        node = open_node(self.conf, {})
        try:
            with node.database.reading() as session:
                return session.query(table).all()
        finally:
            node.database.close()


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def unreadable(monkeypatch, path: Path) -> None:
    """Permissions do not stop root, who may run the tests."""
    real = Path.read_bytes

    def read(self):
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", read)


def test_all_kept_is_0_and_the_association_is_closed(scene):
    said = scene.run()
    assert (said.exit_code, "3 new" in said.output) == (0, True)
    (association,) = scene.rows(AssociationRow)
    assert association.ended == "released"


def test_a_file_that_cannot_be_read_is_refused_and_the_rest_is_kept(scene, monkeypatch):
    unreadable(monkeypatch, scene.paths[0])
    said = scene.run()
    assert said.exit_code == 3, said.exception
    assert "2 new, 0 there already" in said.output
    assert f"{scene.paths[0]}: it cannot be read: Permission denied" in said.output
    (association,) = scene.rows(AssociationRow)
    assert association.ended == "released"


def test_a_folder_that_cannot_be_read_is_told(scene, monkeypatch):
    scandir = os.scandir

    def scan(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    (scene.files / "closed").mkdir()
    monkeypatch.setattr(os, "scandir", scan)
    said = scene.run()
    assert (said.exit_code, "3 new" in said.output) == (3, True)
    assert f"{scene.files / 'closed'}: it cannot be read" in said.output


def test_nothing_kept_is_1(scene, monkeypatch):
    for path in scene.paths:
        path.write_bytes(b"")
    said = scene.run()
    assert (said.exit_code, "0 new" in said.output, "3 refused" in said.output) == (1, True, True)
    for path in scene.paths:
        path.unlink()
    assert scene.run().exit_code == 1


def test_a_full_disk_ends_it_with_a_summary_and_the_study_counts_as_cut_off(scene, monkeypatch):
    real, calls = Archive.keep, []

    def keep(self, received):
        calls.append(received)
        if len(calls) == 2:
            raise ArchiveFull("no space is left")
        return real(self, received)

    monkeypatch.setattr(Archive, "keep", keep)
    said = scene.run()
    assert isinstance(said.exception, ArchiveFull)  # the group of commands makes a line of it
    assert "1 new" in said.output
    assert len(scene.rows(InstanceRow)) == 1
    (association,), (study,) = scene.rows(AssociationRow), scene.rows(StudyRow)
    assert association.ended == "aborted"
    assert study.interrupted


def test_after_a_bug_the_association_is_closed_all_the_same(scene, monkeypatch):
    real, calls = Archive.keep, []

    def keep(self, received):
        calls.append(received)
        if len(calls) == 3:
            raise RuntimeError("a bug of ours")
        return real(self, received)

    monkeypatch.setattr(Archive, "keep", keep)
    said = scene.run()
    assert isinstance(said.exception, RuntimeError)
    assert "2 new" in said.output
    (association,) = scene.rows(AssociationRow)
    assert association.closed_at is not None
