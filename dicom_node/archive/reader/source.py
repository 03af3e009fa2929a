"""Where the data set of an archived file begins, and how it is encoded."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from pydicom.valuerep import VR
from pydicom.values import convert_SQ

from dicom_node.archive.part10 import skip_meta
from dicom_node.archive.reader.items import OBJECT_ERRORS, Form, Items, StopWhen
from dicom_node.errors import Unreadable

__all__ = ["OBJECT_ERRORS", "Scratch", "Source", "opened_source", "vr_of"]

_CHUNK = 2**18
_MOST_INFLATED = 2**32
_MOST_VALUE = 2**28
Scratch = Callable[[], AbstractContextManager[BinaryIO]]
"""Gives a file to work in."""
_KNOWN = frozenset(vr.value for vr in VR if len(vr.value) == 2)
_AMBIGUOUS = {"US or SS": ("US", "SS"), "US or SS or OW": ("OW", "OW"),
              "US or OW": ("OW", "OW"), "OB or OW": ("OW", "OW")}  # fmt: skip
"""By Pixel Representation (PS3.5 A.1); with implicit VR pixels are words."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file.

    Parameters
    ----------
    file : binary file
        Of its own: whoever reads moves in it.
    start : int
        Where the data set begins.
    syntax : UID
        How it is encoded; deflated ones are inflated by now.
    """

    file: BinaryIO
    start: int
    syntax: UID

    @property
    def order(self) -> str:
        """Byte order, as ``struct`` has it."""
        return "<" if self.syntax.is_little_endian else ">"

    def dataset(self, stop_when: StopWhen | None = None) -> Dataset:
        """Read the data set; values of more than 64 kB are left in the file, their value None.

        So are sequences of more than that: :meth:`items` finds what they hold.

        Raises
        ------
        Unreadable
            When it is no DICOM.
        """
        form = Form(self.file, self.syntax.is_implicit_VR, self.syntax.is_little_endian)
        try:
            return form.dataset(self.start, None, stop_when, top=True)
        except OBJECT_ERRORS as exc:
            raise Unreadable(f"the object cannot be read: {type(exc).__name__}") from exc

    def value(self, element: Any) -> bytes:
        """Return the bytes of a raw element, wherever they are.

        Raises
        ------
        Unreadable
            When they are too many to hold.
        """
        if element.value is not None or not element.length:
            return element.value or b""
        if element.length > _MOST_VALUE:
            raise Unreadable(f"an element has a value of {element.length} bytes")
        self.file.seek(element.value_tell)
        return self.file.read(element.length)

    def items(self, element: Any) -> Sequence[Dataset]:
        """Return the items of a sequence, taken apart while it was read or not yet.

        One that was left in the file is read item by item, as they are taken.

        Raises
        ------
        Unreadable
            When they are none.
        """
        if not element.is_raw:
            return list(element.value)
        form = Form(self.file, element.is_implicit_VR, element.is_little_endian)
        try:
            if element.value is None and element.length:
                return Items(form, element.value_tell, element.length)
            return list(convert_SQ(element.value or b"", form.implicit, form.little))
        except OBJECT_ERRORS as exc:
            raise Unreadable("a sequence cannot be taken apart") from exc

    def pieces(self, at: int, count: int) -> Iterator[bytes]:
        """Yield ``count`` bytes of the file from ``at`` on.

        Raises
        ------
        Unreadable
            When it ends before.
        """
        while count > 0:
            self.file.seek(at)
            chunk = self.file.read(min(count, _CHUNK))
            if not chunk:
                raise Unreadable("the object ends too early")
            yield chunk
            at, count = at + len(chunk), count - len(chunk)


@contextmanager
def opened_source(path: Path, transfer_syntax_uid: str, scratch: Scratch) -> Iterator[Source]:
    """Open an archived file.

    Parameters
    ----------
    scratch : callable
        Where a deflated object is inflated to.

    Raises
    ------
    Unreadable
        When the file is gone, or is not what its row says.
    """
    try:
        file = path.open("rb")
    except OSError as exc:
        raise Unreadable("the file of the object is gone; 'dicom-node why' tells more") from exc
    with file:
        skip_meta(file)
        syntax = UID(transfer_syntax_uid)
        if not syntax.is_transfer_syntax:  # somebody's own: explicit little endian (PS3.5 A.4)
            yield Source(file, file.tell(), ExplicitVRLittleEndian)
        elif syntax != DeflatedExplicitVRLittleEndian:
            yield Source(file, file.tell(), syntax)
        else:
            with scratch() as plain:
                _inflate(file, plain)
                yield Source(plain, 0, ExplicitVRLittleEndian)


def _inflate(file: BinaryIO, plain: BinaryIO) -> None:
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (chunk := inflater.unconsumed_tail or file.read(_CHUNK)):
        try:
            inflated = inflater.decompress(chunk, _CHUNK)
        except zlib.error as exc:
            raise Unreadable("the object cannot be inflated") from exc
        size += plain.write(inflated)
        if size > _MOST_INFLATED:
            raise Unreadable("the object swells to more than DICOM can hold")


def vr_of(element: Any, ds: Dataset) -> str:
    """Return the value representation of a raw element; by the dictionary where it has none."""
    if element.VR is not None:
        return str(element.VR) if element.VR in _KNOWN else "UN"
    tag = BaseTag(element.tag)
    if tag.is_private_creator:
        return "LO"
    try:
        vr = _private_vr(tag, ds) if tag.is_private else dictionary_VR(tag)
    except KeyError:
        return "UL" if tag.element == 0 else "UN"
    if vr in _AMBIGUOUS:
        return _AMBIGUOUS[vr][_is_signed(ds)]
    return vr if vr in _KNOWN else "UN"


def _private_vr(tag: BaseTag, ds: Dataset) -> str:
    creator = ds.get_item(BaseTag(tag.group << 16 | tag.element >> 8), keep_deferred=True)
    name = getattr(creator, "value", None)
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name or "")
    return private_dictionary_VR(tag, text.strip(" \0"))


def _is_signed(ds: Dataset) -> bool:
    found = ds.get_item(0x00280103, keep_deferred=True)
    value = getattr(found, "value", None)
    return bool(value[0] or value[-1]) if isinstance(value, bytes) and value else value == 1
