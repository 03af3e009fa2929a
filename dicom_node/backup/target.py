"""Where a backup is written: under another name, and renamed when it is whole."""

import fcntl
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from dicom_node.backup.hashing import Hashing, Unreadable
from dicom_node.backup.manifest import Entry
from dicom_node.backup.read import FolderBackup, latest
from dicom_node.disk import sync_folder
from dicom_node.errors import BackupError

__all__ = ["Target", "target_at"]

_CHUNK = 2**20
_PART = ".part"


class Target(Protocol):
    """A backup that is being written.

    Parameters
    ----------
    folder : Path
        Where it will be.
    work : Path
        A folder beside it for what is needed meanwhile.
    earlier : FolderBackup or None
        What files may be taken over from.
    """

    folder: Path
    work: Path
    earlier: FolderBackup | None

    def put(self, name: str, file: Hashing, size: int, mtime: float) -> None:
        """Copy a file; it is on the disk for good."""

    def link(self, entry: Entry) -> bool:
        """Take a file over from the earlier backup; False where that cannot be."""

    def finish(self) -> Path:
        """Give the backup its name: from now on it is one."""


def target_at(place: Path, now: datetime) -> AbstractContextManager[Target]:
    """Begin a backup at ``place``: a file where that ends in ``.tar``, else in that folder.

    Raises
    ------
    BackupError
        When it cannot be written there, or another one is being written there.
    """
    return _tar(place) if place.suffix == ".tar" else _folder(place, now)


@contextmanager
def _tar(place: Path) -> Iterator[Target]:
    if place.exists():
        raise BackupError(f"{place} is there already; name another file, or a folder")
    if not place.parent.is_dir():
        raise BackupError(f"{place.parent} is no folder; make it, or name another")
    part = place.with_name(f".{place.name}{_PART}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "r+b") as file, _only(file, part), _work(part) as work:
            file.truncate()  # of what one left that was killed
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield _Tar(place, work, file, tar)
    except OSError as exc:
        raise _problem(place, exc) from exc


@contextmanager
def _only(file: BinaryIO, part: Path) -> Iterator[None]:
    """Have a file alone, and delete it at the end if it still has that name."""
    _alone(file, part)
    try:
        yield
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _work(part: Path) -> Iterator[Path]:
    folder = part.with_name(f"{part.name}.work")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Tar:
    """One file; it holds all of the archive each time."""

    earlier: FolderBackup | None = None

    def __init__(self, place: Path, work: Path, file: BinaryIO, tar: tarfile.TarFile) -> None:
        self._place = place
        self._file = file
        self._tar = tar
        self.folder, self.work = place.parent, work

    def put(self, name: str, file: Hashing, size: int, mtime: float) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, int(mtime), 0o600
        start = self._tar.offset
        try:
            self._tar.addfile(info, file)
        except Unreadable:
            self._file.seek(start)
            self._file.truncate()
            self._tar.offset = start
            raise
        self._tar.members.clear()  # type: ignore[attr-defined] # it would remember each

    def link(self, _entry: Entry) -> bool:
        return False

    def finish(self) -> Path:
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._place.with_name(f".{self._place.name}{_PART}").rename(self._place)
        sync_folder(self.folder)
        return self._place


@contextmanager
def _folder(place: Path, now: datetime) -> Iterator[Target]:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)  # patients are in it
        with (place / ".lock").open("a") as lock:
            _alone(lock, place)
            for left in place.glob(f".*{_PART}*"):  # of a backup that was killed
                shutil.rmtree(left)
            name = _unused(place, f"{now:%Y%m%dT%H%M%SZ}")
            part = place / f".{name}{_PART}"
            part.mkdir(mode=0o700)
            try:
                with _work(part) as work:
                    yield _Folder(place / name, part, work)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as exc:
        raise _problem(place, exc) from exc


def _unused(place: Path, name: str) -> str:
    names = (name, *(f"{name}-{number}" for number in range(2, 1000)))
    return next(one for one in names if not (place / one).exists())


class _Folder:
    """A folder of backups; each is whole, and shares with the earlier one what did not change."""

    def __init__(self, place: Path, part: Path, work: Path) -> None:
        self.folder, self.work = place.parent, work
        self.earlier = latest(place.parent)
        self._place = place
        self._part = part
        self._made = {part}

    def put(self, name: str, file: Hashing, size: int, mtime: float) -> None:
        place = self._within(name)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            try:
                shutil.copyfileobj(file, copy, _CHUNK)
            except Unreadable:
                place.unlink()
                raise
            copy.flush()
            os.fsync(copy.fileno())
        os.utime(place, (mtime, mtime))
        if file.size != size:
            raise OSError(0, f"{name} changed its size while it was copied")

    def link(self, entry: Entry) -> bool:
        if self.earlier is None:
            return False
        there = self.earlier.place / entry.path
        with suppress(OSError):  # no hard links there, or too many of this file: it is copied
            os.link(there, self._within(entry.path))
            return True
        return False

    def finish(self) -> Path:
        for folder in self._made:
            sync_folder(folder)
        self._part.rename(self._place)
        sync_folder(self.folder)
        return self._place

    def _within(self, name: str) -> Path:
        place = self._part / name
        if place.parent not in self._made:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._made |= {one for one in place.parents if one.is_relative_to(self._part)}
        return place


def _alone(file: object, place: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError as exc:
        raise BackupError(f"another backup is being written to {place}; wait for its end") from exc


def _problem(place: Path, exc: OSError) -> BackupError:
    return BackupError(
        f"no backup was made in {place}: {exc.strerror or exc}; free some space there, check the "
        "disk, or name another place"
    )
