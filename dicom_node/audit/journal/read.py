"""Lines of the journal for those who read on from where they were: receivers, and people."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dicom_node.audit.journal.head import Head, file_of, files_in, first_of
from dicom_node.audit.journal.line import Line, decode
from dicom_node.errors import JournalBroken

__all__ = ["Read", "beginning", "follows", "lines_after"]


@dataclass(frozen=True, slots=True)
class Read:
    """One line, and where reading goes on after it.

    Parameters
    ----------
    line : Line or None
        None: what stands there is no line that holds; ``why`` tells.
    """

    line: Line | None
    position: Head
    why: str = ""


def beginning(folder: Path) -> Head:
    """Return the position before the first line that there is."""
    files = files_in(folder)
    first = files[0] if files else file_of(1)
    genesis = Head.genesis().link
    return Head(type(genesis)(first_of(first) - 1, genesis.hash), first, 0)


def lines_after(folder: Path, position: Head, end: Head) -> Iterator[Read]:
    """Yield what stands behind ``position``, up to ``end``.

    A line that does not hold is yielded as such, and reading goes on behind it: whoever reads must
    not stop for ever at a line that somebody changed.

    Raises
    ------
    JournalBroken
        When a file cannot be read.
    """
    for name in _files_from(folder, position):
        start = position.size if name == position.file else 0
        stop = end.size if name == end.file else None
        try:
            yield from _in_file(folder, Head(position.link, name, start), stop)
        except OSError as exc:
            raise JournalBroken(f"{folder / name} cannot be read: {exc.strerror}") from exc
        if name == end.file:
            return


def follows(folder: Path, position: Head) -> bool:
    """Return whether the line after ``position`` was written after the one that ends there.

    It stands behind it in its file, or is the first of another.
    """
    begun = file_of(position.link.seq + 1)
    for name, at in ((position.file, position.size), (begun, 0)):
        with suppress(OSError, JournalBroken), (folder / name).open("rb") as file:
            file.seek(at)
            if decode(file.readline()).before == position.link:
                return True
    return False


def _files_from(folder: Path, position: Head) -> list[str]:
    return [name for name in files_in(folder) if first_of(name) >= first_of(position.file)]


def _in_file(folder: Path, position: Head, stop: int | None) -> Iterator[Read]:
    with (folder / position.file).open("rb") as file:
        file.seek(position.size)
        for raw in file:
            at = position.size + len(raw)
            if stop is not None and at > stop:
                return
            try:
                line = decode(raw)
                position = Head(line.link, position.file, at)
                yield Read(line, position)
            except JournalBroken as exc:
                position = Head(position.link, position.file, at)
                yield Read(None, position, f"{position.file}, before byte {at}: {exc}")
