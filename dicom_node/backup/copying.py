"""Files into a backup, each with its line in the manifest."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from dicom_node.archive.part10 import dataset_offset
from dicom_node.backup.hashing import Beginning, Hashing, Unreadable
from dicom_node.backup.listing import Wanted
from dicom_node.backup.manifest import Entry, Writer
from dicom_node.backup.target import Target
from dicom_node.errors import NotDicom

__all__ = ["Copying", "share_at", "share_of"]

_HEAD = 4096
_CHUNK = 2**20
_SHARES = 29
"""A prime: whatever the hours between two backups are, 29 of them have read every share."""
_HOUR_S = 3600


class Copying:
    """Copies files, and keeps count.

    Parameters
    ----------
    archive : Path
        The archive's folder.
    target : Target
    writer : Writer
        Of the manifest.
    now : datetime
        Says which share of what the earlier backup has is read before it is taken over.
    progress : callable
        Told how many bytes more are done.
    """

    def __init__(
        self,
        archive: Path,
        target: Target,
        writer: Writer,
        now: datetime,
        progress: Callable[[int], None],
    ) -> None:
        self._archive = archive
        self._target = target
        self._writer = writer
        self._progress = progress
        self._now, self._share = now, share_at(now)
        self.linked = 0
        self.lacking: list[str] = []
        self.renewed: list[str] = []

    def object(self, wanted: Wanted) -> None:
        """Copy the file of a row, or take it over from the earlier backup.

        One that is not there, or not what its row says, is noted as lacking.
        """
        if wanted.earlier is not None and self._is_linked(wanted.earlier):
            self._taken(wanted.earlier)
            return
        path = self._archive / wanted.file.path
        reading = self._put(f"archive/{wanted.file.path}", path, is_object=True)
        if reading is None or reading.rest != wanted.file.sha256:
            self.lacking.append(wanted.file.path)

    def _taken(self, earlier: Entry) -> None:
        self._writer.add(earlier)
        self._progress(earlier.size)
        self.linked += 1

    def _is_linked(self, entry: Entry) -> bool:
        """Take a file over from the earlier backup; one that is damaged there is noted, and is not.

        Its size is looked at each time, all of it when its share is due.
        """
        earlier = self._target.earlier
        if earlier is None or not earlier.has(entry, read=share_of(entry) == self._share):
            self.renewed.append(entry.path)
            return False
        return self._target.link(entry)

    def beginning(self, name: str, path: Path, size: int, earlier: Entry | None) -> None:
        """Copy the first ``size`` bytes of a file that grows, or take them over from ``earlier``.

        It is read in any case: what was changed here since is copied as it is now.
        """
        same = earlier is not None and _digest(path, size) == earlier.sha256
        if earlier is not None and same and self._is_linked(earlier):
            self._taken(earlier)
        elif self._put(name, path, most=size) is None:
            self.lacking.append(name)

    def content(self, name: str, content: bytes) -> None:
        """Write a small file that was read already."""
        reading = Hashing(io.BytesIO(content))
        self._target.put(name, reading, len(content), self._now.timestamp())
        self._writer.add(Entry(name, reading.size, reading.whole))
        self._progress(reading.size)

    def put(self, name: str, path: Path) -> bool:
        """Copy any other file; return whether it could be read."""
        return self._put(name, path) is not None

    def _put(
        self, name: str, path: Path, *, is_object: bool = False, most: int | None = None
    ) -> Hashing | None:
        file = _opened(path)
        if file is None:
            return None
        with file:
            state = os.fstat(file.fileno())
            skip = _offset(file) if is_object else 0
            reading = Hashing(file if most is None else Beginning(file, most), skip)
            size = state.st_size if most is None else most
            try:
                self._target.put(name, reading, size, state.st_mtime)
            except Unreadable:
                return None
        self._writer.add(Entry(name, reading.size, reading.whole))
        self._progress(reading.size)
        return reading


def share_at(now: datetime) -> int:
    """Return which share of its files a backup reads again; another one with every hour."""
    return int(now.timestamp()) // _HOUR_S % _SHARES


def share_of(entry: Entry) -> int:
    """Return which share a file belongs to."""
    return int(entry.sha256[:8], 16) % _SHARES


def _offset(file: BinaryIO) -> int:
    """Return where the data set begins; 0 where nobody can tell, so that no hash will fit."""
    with suppress(OSError, NotDicom):
        offset = dataset_offset(file.read(_HEAD))
        file.seek(0)
        return offset
    file.seek(0)
    return 0


def _digest(path: Path, size: int) -> str:
    """Return the hash of the first bytes of a file; empty where they cannot be read."""
    try:
        with path.open("rb") as file:
            reading = Hashing(Beginning(file, size))
            while reading.read(_CHUNK):
                pass
    except (OSError, Unreadable):
        return ""
    return reading.whole


def _opened(path: Path) -> BinaryIO | None:
    """Open a file; a sweep may have moved it aside for the moment."""
    for place in _places(path):
        with suppress(OSError):
            return place.open("rb")
    return None


def _places(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parent.glob(f"{path.name}.*")
    yield path
