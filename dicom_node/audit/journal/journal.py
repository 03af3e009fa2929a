"""The journal: messages in, each on the disk for good before the call returns."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_node.audit.journal.head import Head, file_of, write_head
from dicom_node.audit.journal.line import Link, encode
from dicom_node.audit.journal.lock import OneWriter
from dicom_node.audit.journal.recover import Recovered, recover
from dicom_node.disk import sync_folder
from dicom_node.errors import JournalBroken

__all__ = ["Appended", "Journal", "NewLine"]

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class NewLine:
    """A message to append, and when it was told.

    Parameters
    ----------
    deleted : str
        See :class:`Line`.
    """

    message: str
    time: datetime
    deleted: str = ""


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append led to.

    Parameters
    ----------
    head : Link
        The last link now.
    findings : tuple of str
        What was found wrong with the end of the journal, and how it goes on; usually nothing.
    """

    head: Link
    findings: tuple[str, ...] = ()


class Journal:
    """An append-only chain of lines in files that follow each other.

    Safe for threads, and for all processes of a node at once: each appends under a lock, after
    whatever the others appended.

    Parameters
    ----------
    folder : Path
        Made with the first append.
    file_bytes : int
        A file that is as large is followed by another.
    """

    def __init__(self, folder: Path, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._writer = OneWriter(folder, _PATIENCE_S)

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self._folder

    def append(self, lines: Sequence[NewLine]) -> Appended:
        """Write lines, one after the other, and wait until they are on the disk.

        Raises
        ------
        JournalBroken
            When they are not: the disk is full or cannot be written, or another process hangs.
            None of them counts then; the next append goes on where the last one ended well.
        """
        with self._writing():
            found = recover(self._folder)
            head = self._add(found, lines)
        return Appended(head.link, found.findings)

    def resume(self, known: Link, tell: Callable[[str], NewLine]) -> Appended:
        """Go on behind a line that is known to have been the last, wherever the journal ends.

        What is found wrong stands in the first lines that follow. Where nothing is, nothing is
        written.

        Parameters
        ----------
        tell : callable
            Makes a line of a finding.

        Raises
        ------
        JournalBroken
            As :meth:`append`.
        """
        with self._writing():
            found = recover(self._folder, known)
            head = found.head
            if found.findings:
                head = self._add(found, [tell(why) for why in found.findings])
        return Appended(head.link, found.findings)

    def drop(self, file: str, line: NewLine) -> None:
        """Append ``line``, which tells of it, and delete one of the files.

        The line comes first: a power cut in between leaves a file that need not be there, and no
        hole that nobody told of.

        Raises
        ------
        JournalBroken
            As :meth:`append`.
        """
        self.append([line])
        try:
            (self._folder / file).unlink(missing_ok=True)
        except OSError as exc:
            raise JournalBroken(f"{self._folder / file}: {exc.strerror or exc}") from exc

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if not self._folder.is_dir():
                self._make()
            with self._writer.held():
                yield
        except OSError as exc:
            text = f"{self._folder} cannot be written: {exc.strerror or exc}; check the disk"
            raise JournalBroken(text) from exc

    def _make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        sync_folder(self._folder.parent)

    def _add(self, found: Recovered, lines: Sequence[NewLine]) -> Head:
        """Append to the file of the head, or to a new one."""
        head = found.head
        if found.is_closed or head.size >= self._file_bytes:
            head = Head(head.link, file_of(head.link.seq + 1), 0)
        parts, link = [], head.link
        for line in lines:
            raw, link = encode(link, line.time, line.message, line.deleted)
            parts.append(raw)
        content, path = b"".join(parts), self._folder / head.file
        _append(path, head.size, content)
        new = Head(link, head.file, head.size + len(content))
        try:
            write_head(self._folder, new)
        except OSError:  # who is told that it failed will come again: the lines must not stay
            os.truncate(path, head.size)
            raise
        return new


def _append(path: Path, size: int, content: bytes) -> None:
    """Write ``content`` behind the ``size`` bytes that are there; on failure, take it back."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
    try:
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if not size:
        sync_folder(path.parent)
