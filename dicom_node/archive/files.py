"""Bytes onto the disk, so that they are there after a crash: write, fsync, rename, fsync."""

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from dicom_node.errors import ArchiveBroken, ArchiveFull
from dicom_node.lease import is_dead, process_owner

__all__ = ["Files"]

_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT
_REMEMBERED = 10_000  # folders known to be there
_LONG_AGO_S = 86_400.0  # nobody writes one file for a day
_OWNER_WORDS = 4  # host, boot, number, start: see process_owner
_BETWEEN = "+"  # stands for the "/" of an owner's name, which no file name can have


class Files:
    """A folder of objects whose names are hashes of their content.

    ``<folder>/<2 hex>/<study>/<sha256>.dcm``: the study's folder is named by the hash of its UID,
    so no text from the wire is ever a path. The same content has the same name, so writing it
    twice changes nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        # in two containers the same name may be another process: no two write to one file
        self._process = _BETWEEN.join((*process_owner().split("/"), uuid4().hex))
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._made: set[Path] = set()  # folders whose entry this process has synced

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self._folder

    def discard_unfinished(self) -> int:
        """Delete what processes were writing when they ended; return how many files.

        What a living process writes stays: others than the one that serves write too. Of processes
        of other hosts nothing is known; what one of them left goes after a day.
        """
        left = [part for part in self._incoming.iterdir() if _is_left(part)]
        for part in left:
            part.unlink(missing_ok=True)
        return len(left)

    def place_of(self, study_uid: str, sha256: str) -> str:
        """Return the path, relative to the folder, of an object with this content."""
        study = hashlib.sha256(study_uid.encode()).hexdigest()
        return f"{study[:2]}/{study[2:34]}/{sha256}.dcm"

    def write(self, place: str, *parts: bytes) -> None:
        """Write ``parts`` to ``place``; the file appears whole, and its bytes are on the disk.

        The folder's entry is not yet: :meth:`settle` does that for many files at once.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written. Nothing is left behind.
        """
        target = self._folder / place
        part = self._incoming / f"{self._process}{_BETWEEN}{next(self._number)}.part"
        try:
            if target.parent not in self._made:
                self._make(target.parent)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            try:
                _write_all(descriptor, parts)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.replace(target)
        except OSError as exc:
            self._made.discard(target.parent)  # perhaps it is there no more
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise _problem(exc) from exc

    def settle(self, places: set[str]) -> None:
        """Make the entries of the folders of ``places`` survive a power cut (fsync).

        Raises
        ------
        ArchiveBroken
            When the disk cannot be written.
        """
        for parent in {(self._folder / place).parent for place in places}:
            _sync_folder(parent)

    def refresh(self, places: Iterable[str]) -> None:
        """Let files count as written now: a sweep then leaves them alone for a while.

        Raises
        ------
        ArchiveBroken
            When one of them is gone, or cannot be touched.
        """
        try:
            for place in places:
                os.utime(self._folder / place)
        except OSError as exc:
            raise _problem(exc) from exc

    def remove(self, place: str) -> None:
        """Delete one object; it is no error when it is not there."""
        with suppress(OSError):
            (self._folder / place).unlink(missing_ok=True)

    def _make(self, folder: Path) -> None:
        """Have the folder of a study; its entries above survive a power cut.

        One that is there already is synced too, once: whoever made it may not have come so far.
        """
        with self._lock:
            if folder in self._made:
                return
            folder.mkdir(parents=True, exist_ok=True)
            _sync_folder(folder.parent)
            if folder.parent not in self._made:
                _sync_folder(self._folder)
                _sync_folder(self._folder.parent)
            if len(self._made) > _REMEMBERED:
                self._made.clear()
            self._made |= {folder, folder.parent}


def _is_left(part: Path) -> bool:
    """Whether nobody writes this file any more, as far as can be told."""
    owner = part.name.rsplit(_BETWEEN, 2)[0].split(_BETWEEN)
    if len(owner) >= _OWNER_WORDS and is_dead("/".join(owner)):
        return True
    try:
        return time.time() - part.stat().st_mtime > _LONG_AGO_S
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, parts: Sequence[bytes]) -> None:
    """Write everything in as few calls as the system allows."""
    views = [memoryview(part) for part in parts]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views and written:
            views[0] = views[0][written:]


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        raise _problem(exc) from exc


def _problem(exc: OSError) -> ArchiveFull | ArchiveBroken:
    if exc.errno in _NO_SPACE:
        return ArchiveFull(
            f"no space left for the archive: {exc.strerror}; free some and send again"
        )
    return ArchiveBroken(f"the archive cannot be written: {exc.strerror}; check the disk")
