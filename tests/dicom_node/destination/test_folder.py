"""Into a folder: whole, and there after a power cut before anybody says that it is sent."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from dicom_node.destination import FolderSender
from dicom_node.dimse import CannotSend
from dicom_node.errors import PeerAway
from dicom_node.values import Instance


@pytest.fixture
def instances(tmp_path):
    found = []
    for number in range(3):
        path = tmp_path / f"{number}.dcm"
        content = b"content %d" % number
        path.write_bytes(content)
        found.append(
            Instance(
                sop_instance_uid=f"1.2.{number}",
                sop_class_uid="1.2.3",
                study_uid="1.2",
                series_uid="1.2.9",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                sha256=hashlib.sha256(content).hexdigest(),
                size=9,
                path=path,
            )
        )
    return found


@pytest.fixture
def synced(monkeypatch):
    """Every path that was synced or renamed, in order."""
    noted: list[Path] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor):
        noted.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    def note_replace(source, target, **named):
        noted.append(Path(target))
        replace(source, target, **named)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    return noted


@pytest.mark.parametrize("harm", ["other bytes", "shorter", "gone"])
def test_a_file_that_is_not_what_was_kept_does_not_leave(instances, tmp_path, harm):
    path = instances[1].path
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"content X" if harm == "other bytes" else b"content")
    answers = FolderSender("share", tmp_path / "share").send(instances)
    assert [next(answers)[0], next(answers)[0]] == ["1.2.0", "1.2.2"]
    with pytest.raises(CannotSend, match="1 files are gone, or damaged"):
        next(answers)
    names = {one.name for one in (tmp_path / "share" / "1.2.9").iterdir()}
    assert names == {"1.2.0.dcm", "1.2.2.dcm"}


def test_a_file_is_sent_when_its_entry_is_on_the_disk(instances, synced, tmp_path):
    folder = tmp_path / "share" / "results"
    series = folder / "1.2.9"
    for number, answer in enumerate(FolderSender("share", folder).send(instances)):
        assert answer == (f"1.2.{number}", 0)
        target = series / f"1.2.{number}.dcm"
        assert target.read_bytes() == b"content %d" % number
        assert synced[-2:] == [target, series]
    assert synced[:3] == [folder, tmp_path / "share", tmp_path]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EACCES])
def test_a_share_that_cannot_sync_folders_is_served(instances, monkeypatch, tmp_path, code):
    fsync = os.fsync

    def files_only(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").readlink().is_dir():
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    answers = dict(FolderSender("share", tmp_path / "share").send(instances))
    assert set(answers.values()) == {0}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_share_that_fails_is_away_and_nothing_half_written_stays(
    instances, monkeypatch, tmp_path, call
):
    def broken(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "share" / "1.2.9").mkdir(parents=True)
    monkeypatch.setattr(os, call, broken)
    with pytest.raises(PeerAway, match="share"):
        list(FolderSender("share", tmp_path / "share").send(instances))
    monkeypatch.undo()
    assert [path for path in (tmp_path / "share").rglob("*") if path.is_file()] == []


def test_what_a_crash_left_half_written_is_gone_once_it_is_sent_again(
    tmp_path, instances, monkeypatch
):
    sender = FolderSender("out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr("dicom_node.destination.folder.sync_file", _dies)
        with pytest.raises(KeyboardInterrupt):
            list(sender.send(instances))
    left = [path.name for path in (tmp_path / "out" / "1.2.9").iterdir()]
    assert left == [".1.2.0.part"]
    list(sender.send(instances))
    there = sorted(path.name for path in (tmp_path / "out" / "1.2.9").iterdir())
    assert there == ["1.2.0.dcm", "1.2.1.dcm", "1.2.2.dcm"]


def _dies(_path: Path) -> None:
    raise KeyboardInterrupt
