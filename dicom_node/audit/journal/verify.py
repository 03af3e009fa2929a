"""Whether the chain holds, from the first line to the head.

What a chain of hashes shows: that no line was changed, removed or put in between. What it cannot
show by itself: that somebody who may write here did not write all of it anew, head included. For
that, a link has to be known elsewhere: see ``known`` and ``witness``.
"""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_node.audit.journal.head import HEAD, Head, files_in, first_of, read_head
from dicom_node.audit.journal.line import GENESIS, Line, Link, decode
from dicom_node.audit.journal.lock import OneWriter
from dicom_node.errors import JournalBroken

__all__ = ["Verdict", "verify"]

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Parameters
    ----------
    lines : int
        How many hold, from the first on.
    first, last : Link or None
        The first and the last of these.
    why : str
        The first line that does not hold, and why; empty when all do.
    """

    lines: int
    first: Link | None
    last: Link | None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Whether every line does."""
        return not self.why


def verify(folder: Path, witness: Link | None = None, known: Link | None = None) -> Verdict:
    """Read the whole journal and check every byte of it; nothing is changed.

    Parameters
    ----------
    witness : Link or None
        A link that was written down elsewhere: the journal must have that line, with a hash that
        begins so.
    known : Link or None
        The line that the database knows as the last: the journal must have it too. It is read
        before this is called, so that no line can have come in between.
    """
    walk = _Walk()
    try:
        head, files = _snapshot(folder)
        for link in (head.link if head else None, witness, known):
            walk.watch(link)
        for name, size in files:
            walk.through(folder / name, size)
        walk.check_start()
        walk.check_head(head)
        walk.check_link(known, "; the database knows it")
        walk.check_link(witness)
    except JournalBroken as exc:
        return Verdict(walk.count, walk.first, walk.last, str(exc))
    except OSError as exc:
        return Verdict(walk.count, walk.first, walk.last, f"{exc.filename}: {exc.strerror}")
    return Verdict(walk.count, walk.first, walk.last)


def _snapshot(folder: Path) -> tuple[Head | None, list[tuple[str, int]]]:
    """Return head and files with their sizes at one moment, when nobody writes."""
    with ExitStack() as stack:
        with suppress(OSError):  # a copy that may only be read: nobody writes there
            stack.enter_context(OneWriter(folder, _PATIENCE_S).held())
        return read_head(folder), [(n, (folder / n).stat().st_size) for n in files_in(folder)]


class _Walk:
    """The way through the lines, with what is known so far."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Link | None = None
        self.last: Link | None = None
        self._start = Link(0, GENESIS)  # what the first line says that stood before it
        self._watched: dict[int, str] = {}
        self._deleted: set[str] = set()
        self._end: tuple[str, int] = ("", 0)

    def watch(self, link: Link | None) -> None:
        """Remember the hash of the line with this number when it comes."""
        if link is not None:
            self._watched[link.seq] = ""

    def through(self, path: Path, size: int) -> None:
        """Check one file."""
        at = 0
        for number, raw in enumerate(_lines(path, size), start=1):
            where = f"{path.name}, line {number}"
            try:
                line = decode(raw)
            except JournalBroken as exc:
                raise JournalBroken(f"{where}: {exc}") from exc
            if number == 1 and first_of(path.name) != line.link.seq:
                raise JournalBroken(f"{where}: it has number {line.link.seq}, its file another")
            self._follow(line, where)
            at += len(raw)
            self._end = path.name, at

    def _follow(self, line: Line, where: str) -> None:
        expected = self.last or line.before
        if line.before.seq != expected.seq:
            seen = f"number {line.link.seq} follows number {expected.seq}"
            raise JournalBroken(f"{where}: {seen}; lines are missing")
        if line.before.hash != expected.hash:
            text = "the line before is not the one that was there when it was written"
            raise JournalBroken(f"{where}: {text}")
        if self.last is None:
            self.first, self._start = line.link, line.before
            self._note(line.before)
        self.last = line.link
        self.count += 1
        self._note(line.link)
        if line.deleted:
            self._deleted.add(line.deleted)

    def _note(self, link: Link) -> None:
        if link.seq in self._watched:
            self._watched[link.seq] = link.hash

    def check_start(self) -> None:
        """Check that nothing is missing before the first line."""
        start = self._start
        if start.seq and str(start) not in self._deleted:
            raise JournalBroken(f"lines 1 to {start.seq} are gone, and no line says why")
        if not start.seq and start.hash != GENESIS:
            raise JournalBroken("line 1: something stood before it")

    def check_head(self, head: Head | None) -> None:
        """Check that nothing is missing behind the last line."""
        seen = self.last.seq if self.last else 0
        if head is None and seen:
            text = "whether lines are missing at the end cannot be told"
            raise JournalBroken(f"{HEAD} is missing; {text}")
        if head is None:
            return
        if head.link.seq > seen:
            text = f"numbers {seen + 1} to {head.link.seq} are missing at the end"
            raise JournalBroken(f"{HEAD} says that the last line is {head.link.seq}; {text}")
        if head.link.seq and self._watched[head.link.seq] != head.link.hash:
            raise JournalBroken(f"{HEAD}: line {head.link.seq} has another hash than it says")
        if head.link.seq == seen and seen and self._end != (head.file, head.size):
            raise JournalBroken(f"{HEAD}: line {seen} ends elsewhere than it says")

    def check_link(self, link: Link | None, by: str = "") -> None:
        """Check a link that is known elsewhere; ``by`` ends the sentence."""
        if link is None:
            return
        if not self._watched[link.seq]:
            raise JournalBroken(f"line {link.seq} is not here; it was deleted, or cut off{by}")
        if not self._watched[link.seq].startswith(link.hash):
            text = f"line {link.seq} had another hash; the journal was written anew{by}"
            raise JournalBroken(text)


def _lines(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        left = size
        while left > 0 and (raw := file.readline(left)):
            left -= len(raw)
            yield raw
