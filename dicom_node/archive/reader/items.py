"""Data sets and items of sequences, read where they lie: a long value stays in the file."""

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, overload

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from dicom_node.dicom import PARSER_ERRORS
from dicom_node.errors import Unreadable

__all__ = ["LARGE", "OBJECT_ERRORS", "Form", "Items", "StopWhen"]

LARGE = 2**16
"""Bytes of a value that is left in the file, or of a sequence that is."""
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED, _HEAD = 0xFFFFFFFF, 8
_MOST_ITEMS = 2**20
_LONG = frozenset(vr.encode("ascii") for vr in EXPLICIT_VR_LENGTH_32)
OBJECT_ERRORS = (
    *PARSER_ERRORS,
    AssertionError,
    LookupError,
    RuntimeError,
    UserWarning,
)
"""What pydicom and its decoders raise on an object that is not what it says."""

StopWhen = Callable[[BaseTag, str | None, int], bool]


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is encoded."""

    file: BinaryIO
    implicit: bool
    little: bool

    @property
    def order(self) -> str:
        """Byte order, as ``struct`` has it."""
        return "<" if self.little else ">"

    def read(self, at: int, form: str) -> tuple[Any, ...]:
        """Return numbers of the file."""
        self.file.seek(at)
        form = self.order + form
        return struct.unpack(form, self.file.read(struct.calcsize(form)))

    def dataset(
        self, at: int, length: int | None, stop_when: StopWhen | None = None, *, top: bool
    ) -> Dataset:
        """Read the data set at ``at``; ``length`` None: up to its end.

        What is long is left in the file, its value None; so is a sequence of undefined length, the
        items of which :class:`Items` finds.
        """
        looking = _Looking(self, stop_when)
        end = None if length is None else at + length
        read: list[Dataset] = []
        elements: dict[BaseTag, Any] = {}
        while end is None or at < end or not read:
            self.file.seek(at)
            rest = None if end is None else end - at
            found = read_dataset(
                self.file, self.implicit, self.little, rest, looking, LARGE, at_top_level=top
            )
            read.append(found)
            for tag in found.keys():  # noqa: SIM118 - iterating decodes
                elements[tag] = found.get_item(tag, keep_deferred=True)
            left = looking.left()
            if left is None:
                break
            element, at = left
            elements[element.tag] = element
        first = read[0]
        ds = Dataset(elements)  # set one by one, private elements would be decoded
        implicit, little = first.original_encoding
        ds.set_original_encoding(implicit, little, first.original_character_set)
        return ds

    def items_end(self, at: int) -> int:
        """Return where a sequence of undefined length ends."""
        while True:
            group, number, length = self.read(at, "HHI")
            at, tag = at + _HEAD, group << 16 | number
            if tag == _SEQUENCE_END:
                return at
            if tag != _ITEM:
                raise ValueError("an item is none")
            at = self.item_end(at) if length == _UNDEFINED else at + length

    def item_end(self, at: int) -> int:
        """Return where an item of undefined length ends."""
        while True:
            tag, at, length, form = self._head(at)
            if tag == _ITEM_END:
                return at
            at = form.items_end(at) if length == _UNDEFINED else at + length

    def _head(self, at: int) -> tuple[int, int, int, "Form"]:
        """Return tag, place and length of a value, and how it is encoded if it is a sequence."""
        group, number, vr, short = self.read(at, "HH2sH")
        tag = group << 16 | number
        if self.implicit or group == 0xFFFE or not b"AA" <= vr <= b"ZZ":
            return tag, at + _HEAD, int(self.read(at + 4, "I")[0]), self
        if vr not in _LONG:
            return tag, at + _HEAD, int(short), self
        form = Form(self.file, implicit=True, little=self.little) if vr == b"UN" else self
        return tag, at + _HEAD + 4, int(self.read(at + _HEAD, "I")[0]), form


class _Looking:
    """Stops a reader at sequences of undefined length that are long: it would read all of them."""

    def __init__(self, form: Form, stop_when: StopWhen | None) -> None:
        self._form = form
        self._stop_when = stop_when
        self._left: tuple[RawDataElement, int] | None = None

    def __call__(self, tag: BaseTag, vr: str | None, length: int) -> bool:
        if self._stop_when is not None and self._stop_when(tag, vr, length):
            return True
        if length != _UNDEFINED or not _is_sequence(tag, vr):
            return False
        file, form = self._form.file, self._form
        at = file.tell()
        try:
            end = form.items_end(at)
        except (struct.error, ValueError, RecursionError):  # then the reader says what is wrong
            end = at
        file.seek(at)
        if end - at <= LARGE:
            return False
        implicit = form.implicit or vr is None
        raw = RawDataElement(tag, "SQ", _UNDEFINED, None, at, implicit, form.little, is_raw=True)
        self._left = raw, end
        return True

    def left(self) -> tuple[RawDataElement, int] | None:
        """Return the sequence that was stopped at, and where it ends; once."""
        left, self._left = self._left, None
        return left


class Items(Sequence[Dataset]):
    """The items of a sequence in a file, each read when it is asked for.

    Parameters
    ----------
    form : Form
        Of the file at this place.
    at, length : int
        Where the value is; 0xFFFFFFFF: up to its delimiter.

    Raises
    ------
    ValueError, struct.error
        When it is no sequence; Unreadable as an item is taken that cannot be read.
    """

    def __init__(self, form: Form, at: int, length: int) -> None:
        self._form = form
        self._starts, self._lengths = array("Q"), array("L")
        for start, size in self._walk(at, length):
            if len(self._starts) == _MOST_ITEMS:
                raise ValueError(f"a sequence has more than {_MOST_ITEMS} items")
            self._starts.append(start)
            self._lengths.append(size)

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> Dataset: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Dataset]: ...

    def __getitem__(self, index: int | slice) -> Dataset | Sequence[Dataset]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        at, length = self._starts[index], self._lengths[index]
        try:
            return self._form.dataset(at, None if length == _UNDEFINED else length, top=False)
        except OBJECT_ERRORS as exc:
            raise Unreadable("an item of a sequence cannot be read") from exc

    def _walk(self, at: int, length: int) -> Iterator[tuple[int, int]]:
        end = None if length == _UNDEFINED else at + length
        while end is None or at < end:
            group, number, size = self._form.read(at, "HHI")
            at, tag = at + _HEAD, group << 16 | number
            if tag == _SEQUENCE_END:
                return
            if tag != _ITEM:
                raise ValueError("an item is none")
            yield at, size
            at = self._form.item_end(at) if size == _UNDEFINED else at + size


def _is_sequence(tag: BaseTag, vr: str | None) -> bool:
    if vr is not None:
        return vr == "SQ"
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:  # in implicit encodings nothing else has no length
        return True
