"""Bytes onto the disk, so that they are there after a crash: write, fsync, rename, fsync."""

import hashlib
import io
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import uuid4

from dicom_node import disk
from dicom_node.archive.space import Space
from dicom_node.content import Content, Spooled, chunks_of
from dicom_node.errors import ArchiveBroken, ArchiveFull
from dicom_node.lease import is_dead, process_owner

__all__ = ["INCOMING", "Files", "ScratchFile", "SpoolFile", "sync_folder"]

INCOMING = "incoming"
"""The folder of what is being written."""

_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT
_REMEMBERED = 10_000  # folders known to be there
_LONG_AGO_S = 86_400.0  # nobody writes one file for a day
_OWNER_WORDS = 4  # host, boot, number, start: see process_owner
_BETWEEN = "+"  # stands for the "/" of an owner's name, which no file name can have


class ScratchFile(io.BufferedRandom):
    """A file to work in.

    Parameters
    ----------
    raw : unbuffered binary file
    space : Space
        Asked before every write.
    """

    def __init__(self, raw: io.RawIOBase, space: Space) -> None:
        super().__init__(raw)
        self._space = space

    def write(self, chunk: Any) -> int:
        """Take what is made.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written.
        """
        self._space.check(len(chunk))
        try:
            return super().write(chunk)
        except OSError as exc:
            raise _problem(exc) from exc

    def flush(self) -> None:
        """Put what was written on the disk; it fails as :meth:`write`."""
        try:
            super().flush()
        except OSError as exc:
            raise _problem(exc) from exc

    def seek(self, target: int, whence: int = 0) -> int:
        """Go elsewhere; what was written goes to the disk before, and fails as :meth:`write`."""
        try:
            return super().seek(target, whence)
        except OSError as exc:
            raise _problem(exc) from exc


class SpoolFile:
    """A data set that is still arriving.

    Parameters
    ----------
    file : ScratchFile
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Take what has come.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written.
        """
        self._file.write(chunk)
        self._size += len(chunk)

    def whole(self, start: int) -> Spooled:
        """Return all that came from ``start`` on.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written.
        """
        self._file.flush()
        return Spooled(self._file, start, self._size - start)


class Files:
    """A folder of objects whose names are hashes of their content.

    ``<folder>/<2 hex>/<study>/<sha256>.dcm``: the study's folder is named by the hash of its UID,
    so no text from the wire is ever a path. The same content has the same name, so writing it
    twice changes nothing.

    Raises
    ------
    ArchiveFull, ArchiveBroken
        When the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / INCOMING
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise _problem(exc) from exc
        # in two containers the same name may be another process: no two write to one file
        process = _BETWEEN.join((*process_owner().split("/"), uuid4().hex))
        # text, not paths: what is written for every image is put together at once
        self._root, self._part = str(folder), f"{self._incoming}/{process}{_BETWEEN}"
        self._number = itertools.count()
        self._lock = threading.Lock()
        self._made: set[str] = set()  # folders whose entry this process has synced

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

    def write(self, place: str, *parts: Content) -> None:
        """Write ``parts`` to ``place``; the file appears whole, and its bytes are on the disk.

        The folder's entry is not yet: :meth:`settle` does that for many files at once.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written. Nothing is left behind.
        """
        target, part = f"{self._root}/{place}", f"{self._part}{next(self._number)}.part"
        parent = os.path.dirname(target)
        try:
            if parent not in self._made:
                self._make(parent)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            try:
                _write_all(descriptor, parts)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self._into_place(part, target)
        except OSError as exc:
            self._made.discard(parent)  # perhaps it is there no more
            with suppress(OSError):
                os.unlink(part)
            raise _problem(exc) from exc

    @contextmanager
    def scratch(self, space: Space) -> Iterator[BinaryIO]:
        """Give a file without a name on the archive's disk; it is gone at the end.

        Parameters
        ----------
        space : Space
            Asked before every write.

        Raises
        ------
        ArchiveFull, ArchiveBroken
            When the disk is full, or cannot be written.
        """
        try:
            raw = tempfile.TemporaryFile(dir=self._incoming, buffering=0)  # noqa: SIM115
        except OSError as exc:
            raise _problem(exc) from exc
        with raw:  # an error of whoever uses it is none of opening it
            yield cast(BinaryIO, ScratchFile(cast(io.RawIOBase, raw), space))

    def settle(self, places: set[str], *, missing_ok: bool = False) -> None:
        """Make the entries of the folders of ``places`` survive a power cut (fsync).

        Parameters
        ----------
        missing_ok : bool
            Whether a folder may be gone: the caller looks for its files afterwards.

        Raises
        ------
        ArchiveBroken
            When the disk cannot be written.
        """
        for parent in {(self._folder / place).parent for place in places}:
            try:
                disk.sync_folder(parent)
            except FileNotFoundError as exc:
                if not missing_ok:
                    raise _problem(exc) from exc
            except OSError as exc:
                raise _problem(exc) from exc

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

    def has(self, place: str) -> bool:
        """Whether the file is there."""
        return os.path.isfile(f"{self._root}/{place}")

    def remove(self, place: str) -> None:
        """Delete one object; it is no error when it is not there."""
        with suppress(OSError):
            (self._folder / place).unlink(missing_ok=True)

    def _into_place(self, part: str, target: str) -> None:
        """Rename; a folder that was there may have been emptied and deleted since."""
        try:
            os.replace(part, target)
        except FileNotFoundError:
            parent = os.path.dirname(target)
            self._made.discard(parent)
            self._make(parent)
            os.replace(part, target)

    def _make(self, name: str) -> None:
        """Have the folder of a study; its entries above survive a power cut.

        One that is there already is synced too, once: whoever made it may not have come so far.
        """
        folder = Path(name)
        with self._lock:
            if name in self._made:
                return
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
            if str(folder.parent) not in self._made:
                sync_folder(self._folder)
                sync_folder(self._folder.parent)
            if len(self._made) > _REMEMBERED:
                self._made.clear()
            self._made |= {name, str(folder.parent)}


def _is_left(part: Path) -> bool:
    """Whether nobody writes this file any more, as far as can be told."""
    owner = part.name.rsplit(_BETWEEN, 2)[0].split(_BETWEEN)
    if len(owner) >= _OWNER_WORDS and is_dead("/".join(owner)):
        return True
    try:
        return time.time() - part.stat().st_mtime > _LONG_AGO_S
    except FileNotFoundError:
        return False


def _write_all(descriptor: int, parts: Sequence[Content]) -> None:
    """Write everything in as few calls as the system allows, and as the memory does."""
    whole = [part for part in parts if isinstance(part, bytes)]
    if len(whole) == len(parts):
        _write_at_once(descriptor, whole)
        return
    for chunk in chain.from_iterable(map(chunks_of, parts)):
        _write_at_once(descriptor, [chunk])


def _write_at_once(descriptor: int, parts: Sequence[bytes]) -> None:
    views = [memoryview(part) for part in parts]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views and written:
            views[0] = views[0][written:]


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder survive a power cut.

    Raises
    ------
    ArchiveBroken
        When the disk cannot be written, or the folder is gone.
    """
    try:
        disk.sync_folder(folder)
    except OSError as exc:
        raise _problem(exc) from exc


def _problem(exc: OSError) -> ArchiveFull | ArchiveBroken:
    if exc.errno in _NO_SPACE:
        return ArchiveFull(
            f"no space left for the archive: {exc.strerror}; free some and send again"
        )
    return ArchiveBroken(f"the archive cannot be written: {exc.strerror}; check the disk")
