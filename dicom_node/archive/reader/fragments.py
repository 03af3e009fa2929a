"""Fragments of encapsulated pixels: where those of each frame lie in the file (PS3.5 A.4)."""

import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dicom_node.archive.reader.source import Source
from dicom_node.errors import Unreadable

__all__ = ["Fragments", "Offsets"]

_ITEM, _END = 0xFFFEE000, 0xFFFEE0DD
_UNDEFINED, _HEAD = 0xFFFFFFFF, 8
_MOST, _KEPT = 2**20, 2**16
_EOI, _TAIL = b"\xff\xd9", 10
"""What ends an image of JPEG, JPEG-LS and JPEG 2000, and how far from the end padding puts it."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """A table of offsets, read entry by entry: it may be longer than what belongs in memory.

    Parameters
    ----------
    at, length : int
        Where in the file it is, and its bytes.
    form : str
        Of one entry, as ``struct`` has it.
    value : bytes or None
        The table, where it is in memory.
    """

    source: Source
    at: int
    length: int
    form: str
    value: bytes | None = None

    @classmethod
    def extended(cls, source: Source, element: Any) -> "Offsets":
        """Return the Extended Offset Table (7FE0,0001), an element of the data set."""
        if not element.is_raw or element.value is not None:
            value = element.value or b""
            return cls(source, 0, len(value), "<Q", value)
        return cls(source, element.value_tell, element.length, "<Q")

    def __len__(self) -> int:
        return self.length // struct.calcsize(self.form)

    def __getitem__(self, index: int) -> int:
        size = struct.calcsize(self.form)
        if self.value is not None:
            content = self.value[index * size : (index + 1) * size]
        else:
            content = b"".join(self.source.pieces(self.at + index * size, size))
        return int(struct.unpack(self.form, content)[0])


class Fragments:
    """The fragments of one value. Of them nothing is read but their heads.

    Parameters
    ----------
    source : Source
        The open file.
    at : int
        Where the value begins: with the Basic Offset Table.
    frames : int
        How many there are said to be.
    extended : Offsets or None
        Extended Offset Table, where the object has one.
    """

    def __init__(self, source: Source, at: int, frames: int, extended: Offsets | None) -> None:
        self._source = source
        self._at = at
        self._frames = frames
        self._extended = extended
        self._size = source.file.seek(0, 2)

    def size(self, index: int) -> int:
        """Return how many bytes a frame has.

        Raises
        ------
        Unreadable
            When it is not there, is broken, or cannot be told from the others.
        """
        return sum(length for _, length in self._frame(index))

    def frame(self, index: int) -> Iterator[bytes]:
        """Yield a frame in pieces; what :meth:`size` has passed comes whole."""
        for at, length in self._frame(index):
            yield from self._source.pieces(at, length)

    def check(self) -> None:
        """Pass when all of it is there.

        Raises
        ------
        Unreadable
            When it ends too early, or holds what is no fragment.
        """
        for _ in self._walk(self._first):
            pass

    def joined(self) -> Iterator[bytes]:
        """Yield the whole value in pieces, fragment after fragment."""
        for at, length in self._walk(self._first):
            yield from self._source.pieces(at, length)

    def are_frames(self) -> bool:
        """Whether each frame can be told from the others."""
        try:
            for index in range(self._frames):
                self.size(index)
        except Unreadable:
            return False
        return True

    def _frame(self, index: int) -> Iterator[tuple[int, int]]:
        if not 0 <= index < self._frames:
            raise Unreadable(f"there is no frame {index + 1}")
        starts, base = self._starts
        start = base + starts[index]
        end = base + starts[index + 1] if index + 1 < len(starts) else None
        if end is not None and end <= start:
            raise Unreadable(f"frame {index + 1} ends before it begins")
        found = None
        for found in self._walk(start, end):
            yield found
        if found is None:
            raise Unreadable(f"there is no frame {index + 1}")

    @cached_property
    def _basic(self) -> Offsets:
        """Basic Offset Table, which may be empty."""
        for at, length in self._walk(self._at):
            value = b"".join(self._source.pieces(at, length)) if length <= _KEPT else None
            return Offsets(self._source, at, length, "<I", value)
        raise Unreadable("the pixels have no fragments")

    @property
    def _first(self) -> int:
        """Where the first fragment begins, with its head."""
        return self._basic.at + self._basic.length

    @cached_property
    def _starts(self) -> tuple[Sequence[int] | Offsets, int]:
        """Where the frames begin, and from where that is counted."""
        for table in (self._extended, self._basic):
            if table is not None and len(table) >= self._frames:
                return table, self._first
        if self._frames == 1:
            return (0,), self._first
        return self._counted(), 0

    def _counted(self) -> Sequence[int]:
        """Return where frames begin that no table tells of: a fragment each, or several."""
        fragments = array("Q", (at - _HEAD for at, _ in self._walk(self._first)))
        if len(fragments) == self._frames:
            return fragments
        frames, is_new = array("Q"), True
        if len(fragments) > self._frames:
            for at, length in self._walk(self._first):
                if is_new:
                    frames.append(at - _HEAD)
                is_new = self._is_last(at, length)
        if len(frames) != self._frames:
            raise Unreadable("its fragments do not tell where a frame begins")
        return frames

    def _is_last(self, at: int, length: int) -> bool:
        """Whether a fragment ends as the last of an image does."""
        count = min(length, _TAIL)
        return _EOI in b"".join(self._source.pieces(at + length - count, count))

    def _walk(self, at: int, end: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield where the values of fragments are, and their lengths, up to ``end``."""
        file = self._source.file
        for _ in range(_MOST):
            if at == end:
                return
            file.seek(at)
            head = file.read(_HEAD)
            if not head and end is None:  # some forget the end of the sequence
                return
            group, element, length = struct.unpack("<HHI", head.ljust(_HEAD, b"\0"))
            tag = group << 16 | element
            if tag == _END and end is None:
                return
            at += _HEAD
            if tag != _ITEM or length == _UNDEFINED or at + length > self._size:
                raise Unreadable("the pixels are broken: a fragment is none, or is cut short")
            yield at, length
            at += length
        raise Unreadable(f"the pixels are in more than {_MOST} fragments")
