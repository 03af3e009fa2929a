"""Where the journal ends: the last link that is on the disk for good, in a file of its own.

It is written after every append, beside the journal. So a journal that is shorter than its head
says has lost lines, and one that is longer was being written when the power went.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from dicom_node.audit.journal.line import GENESIS, Link
from dicom_node.errors import JournalBroken

__all__ = ["HEAD", "Head", "file_of", "files_in", "first_of", "read_head", "write_head"]

HEAD = "head.json"
_PREFIX, _SUFFIX = "audit-", ".jsonl"
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Head:
    """The last link, the file that it stands in, and where in that file it ends."""

    link: Link
    file: str
    size: int

    def encode(self) -> bytes:
        """Return the only bytes that stand for this head."""
        fields = {
            "seq": self.link.seq,
            "hash": self.link.hash,
            "file": self.file,
            "size": self.size,
        }
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def genesis(cls) -> "Head":
        """Return the head of a journal without lines."""
        return cls(Link(0, GENESIS), file_of(1), 0)


def file_of(seq: int) -> str:
    """Return the name of the file that begins with line ``seq``."""
    return f"{_PREFIX}{seq:0{_DIGITS}}{_SUFFIX}"


def first_of(file: str) -> int:
    """Return the number of the line that a file begins with, as its name says."""
    return int(file[len(_PREFIX) : -len(_SUFFIX)])


def files_in(folder: Path) -> list[str]:
    """Return the names of the journal's files, in order."""
    names = (path.name for path in folder.glob(f"{_PREFIX}*{_SUFFIX}"))
    return sorted(name for name in names if name[len(_PREFIX) : -len(_SUFFIX)].isdigit())


def read_head(folder: Path) -> Head | None:
    """Return the head; None where there is none.

    Raises
    ------
    JournalBroken
        When it is there and was not written by this program.
    """
    try:
        raw = (folder / HEAD).read_bytes()
    except FileNotFoundError:
        return None
    try:
        fields = json.loads(raw)
        head = Head(Link(fields["seq"], fields["hash"]), fields["file"], fields["size"])
    except (KeyError, TypeError, ValueError) as exc:
        raise JournalBroken(f"{HEAD} cannot be read; it was changed") from exc
    if head.encode() != raw:
        raise JournalBroken(f"{HEAD} is not as this program writes it; it was changed")
    return head


def write_head(folder: Path, head: Head) -> None:
    """Write the head; it is either the old one or the new one, whatever happens meanwhile."""
    part = folder / f"{HEAD}.part"
    with part.open("wb") as file:
        file.write(head.encode())
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / HEAD)
