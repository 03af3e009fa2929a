"""What is synced is what was named, and what the disk says against it is heard."""

import errno
import os
from pathlib import Path

import pytest

from dicom_node import disk
from dicom_node.archive import files
from dicom_node.errors import ArchiveBroken, ArchiveFull


@pytest.fixture
def synced(monkeypatch):
    noted = []

    def note(descriptor):
        noted.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", note)
    return noted


def test_a_file_and_a_folder_are_synced(synced, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    disk.sync_file(tmp_path / "file")
    disk.sync_folder(tmp_path)
    assert synced == [tmp_path / "file", tmp_path]


def test_what_is_no_folder_or_not_there_is_an_error_of_the_system(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(NotADirectoryError):
        disk.sync_folder(tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        disk.sync_file(tmp_path / "other")


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.ENOSPC, ArchiveFull), (errno.EIO, ArchiveBroken)]
)
def test_the_archive_says_it_with_its_own_errors(monkeypatch, tmp_path, code, kind):
    def broken(_descriptor):
        raise OSError(code, os.strerror(code))

    before = set(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(kind):
        files.sync_folder(tmp_path)
    assert set(Path("/proc/self/fd").iterdir()) == before
