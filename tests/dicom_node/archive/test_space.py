"""The disk before it is full."""

import os
from types import SimpleNamespace

import pytest

from dicom_node.archive import Space, space
from dicom_node.errors import ArchiveBroken, ArchiveFull

MB = 2**20


@pytest.fixture
def disk(monkeypatch):
    """A file system and a clock that a test sets: filling a real one takes too long."""
    state = SimpleNamespace(free=1000 * MB, seconds=0.0, asked=0)

    def statvfs(_):
        state.asked += 1
        return SimpleNamespace(f_bavail=state.free // 4096, f_frsize=4096)

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(space.time, "monotonic", lambda: state.seconds)
    return state


def test_a_real_disk_has_room_for_nothing_and_none_for_everything(tmp_path):
    Space(tmp_path, 0).check(0)
    with pytest.raises(ArchiveFull, match=r"kept in reserve; free some space or lower archive\."):
        Space(tmp_path, 2**70).check(0)


@pytest.mark.usefixtures("disk")
def test_the_reserve_is_never_touched(tmp_path):
    room = Space(tmp_path, 900 * MB)
    for _ in range(10):
        room.check(10 * MB)
    with pytest.raises(ArchiveFull, match="900 MB are free and 900 MB are kept"):
        room.check(1)


@pytest.mark.usefixtures("disk")
def test_what_was_refused_takes_no_room(tmp_path):
    room = Space(tmp_path, 900 * MB)
    with pytest.raises(ArchiveFull):
        room.check(200 * MB)
    room.check(100 * MB)


def test_the_disk_is_asked_once_a_second_and_not_for_every_image(tmp_path, disk):
    room = Space(tmp_path, 0)
    for _ in range(100):
        room.check(1)
    assert disk.asked == 1
    disk.seconds = 1.0
    room.check(1)
    assert disk.asked == 2


def test_room_that_was_made_is_seen_within_a_second(tmp_path, disk):
    disk.free = 0
    room = Space(tmp_path, MB)
    with pytest.raises(ArchiveFull):
        room.check(1)
    disk.free, disk.seconds = 10 * MB, 1.0
    room.check(1)


def test_a_disk_that_was_filled_by_others_is_seen_within_a_second(tmp_path, disk):
    room = Space(tmp_path, MB)
    room.check(1)
    disk.free, disk.seconds = MB, 1.0
    with pytest.raises(ArchiveFull):
        room.check(1)


def test_a_disk_that_is_gone_is_broken_not_a_bug(tmp_path):
    with pytest.raises(ArchiveBroken, match="check the disk"):
        Space(tmp_path / "gone", 0).check(1)
