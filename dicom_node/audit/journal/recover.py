"""The end of the journal as it is found: whole, still being written when the power went, or cut.

What was acknowledged is never changed here. Bytes behind it that are no whole line are moved to a
folder beside the journal, and the chain goes on from the last whole line.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dicom_node.audit.journal.head import HEAD, Head, file_of, files_in, read_head
from dicom_node.audit.journal.line import Line, Link, decode
from dicom_node.disk import sync_folder
from dicom_node.errors import JournalBroken

__all__ = ["APART", "Recovered", "recover"]

APART = "apart"
"""The folder of what was found behind the last whole line."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where to append.

    Parameters
    ----------
    is_closed : bool
        Whether the file is to be left as it is, and a new one begun.
    findings : tuple of str
        What was not as it should be, a sentence each.
    """

    head: Head
    is_closed: bool = False
    findings: tuple[str, ...] = field(default=())


def recover(folder: Path, known: Link | None = None) -> Recovered:
    """Return where the journal goes on; called by who holds the right to write.

    Parameters
    ----------
    known : Link or None
        A line that was on the disk for good: where the journal ends earlier, it goes on behind it.

    Raises
    ------
    OSError
        When the disk cannot be read or written.
    """
    found = _found(folder)
    if known is None or found.head.link.seq >= known.seq:
        return found
    text = (
        f"the database knows line {known.seq}, and the journal ends with line "
        f"{found.head.link.seq}; lines were deleted. The chain goes on in a new file"
    )
    head = Head(known, file_of(known.seq + 1), 0)
    return Recovered(head, is_closed=True, findings=(text, *found.findings))


def _found(folder: Path) -> Recovered:
    """Return where it goes on by what lies in its own folder."""
    try:
        head = read_head(folder)
        missing = f"{HEAD} is missing"
    except JournalBroken as exc:
        head, missing = None, str(exc)
    if head is not None:
        return _after(folder, head)
    files = [name for name in files_in(folder) if (folder / name).stat().st_size]
    if not files:
        return Recovered(Head.genesis())
    found = _after(folder, _last_whole(folder, files))
    text = (
        f"{missing}; the journal is taken up after line {found.head.link.seq}, the last one found"
    )
    return replace(found, findings=(text, *found.findings))


def _after(folder: Path, head: Head) -> Recovered:
    """Take up whole lines behind the head, which a crash kept from being entered in it."""
    path = folder / head.file
    size = path.stat().st_size if path.is_file() else 0
    if size < head.size:
        text = (
            f"{head.file} ends at byte {size}, and line {head.link.seq} ended at byte {head.size}; "
            "lines were deleted. The chain goes on in a new file"
        )
        return Recovered(head, is_closed=True, findings=(text,))
    findings = []
    if head.size < size:
        head = _taken_up(folder, head)
    if head.size < size:
        findings.append(_set_apart(folder, head))
    follower = folder / file_of(head.link.seq + 1)
    if follower.name != head.file and follower.is_file():
        rest = _after(folder, Head(head.link, follower.name, 0))
        return replace(rest, findings=(*findings, *rest.findings))
    return Recovered(head, findings=tuple(findings))


def _taken_up(folder: Path, head: Head) -> Head:
    """Return the head after the lines behind it that continue the chain."""
    with (folder / head.file).open("rb") as file:
        file.seek(head.size)
        for raw in file:
            line = _whole(raw)
            if line is None or line.before != head.link:
                break
            head = Head(line.link, head.file, head.size + len(raw))
    return head


def _last_whole(folder: Path, files: list[str]) -> Head:
    """Return the head by the last line that is whole, whatever stands before it."""
    for file in reversed(files):
        found, end = None, 0
        for raw in _lines(folder / file):
            end += len(raw)
            line = _whole(raw)
            if line is not None:
                found = Head(line.link, file, end)
        if found is not None:
            return found
    return Head.genesis()


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _whole(raw: bytes) -> Line | None:
    try:
        return decode(raw)
    except JournalBroken:
        return None


def _set_apart(folder: Path, head: Head) -> str:
    """Move what stands behind the head to a file of its own; return what is to be said of it."""
    path, apart = folder / head.file, folder / APART
    with path.open("rb") as file:
        file.seek(head.size)
        rest = file.read()
    apart.mkdir(exist_ok=True)
    kept = apart / f"{head.file}.{head.size}.{hashlib.sha256(rest).hexdigest()[:16]}"
    with kept.open("wb") as file:
        file.write(rest)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(apart)
    with path.open("r+b") as file:
        file.truncate(head.size)
        os.fsync(file.fileno())
    return (
        f"{len(rest)} bytes after line {head.link.seq} are no whole line, as a power cut leaves "
        f"them; they were moved to {APART}/{kept.name}"
    )
