"""Whether two files hold the same object in different bytes."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.dicom import PARSER_ERRORS

__all__ = ["same_content"]

_LARGE = 2**20
_UNDEFINED = 0xFFFFFFFF
_COMPARABLE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


def same_content(first: Path, second: BinaryIO) -> bool:
    """Return whether a file and the content of another hold equal data sets.

    Of two encodings only the native little endian ones are compared: between others pixel bytes
    differ for the same image, and deciding that would need a decoder in the listener. What cannot
    be read is not the same.
    """
    try:
        with first.open("rb") as stream:
            one, other = _Read.from_stream(stream), _Read.from_stream(second)
            syntaxes = {one.syntax, other.syntax}
            comparable = len(syntaxes) == 1 or syntaxes <= set(_COMPARABLE)
            return comparable and _equal(one, other)
    except PARSER_ERRORS:
        return False


@dataclass(frozen=True, slots=True)
class _Read:
    """A data set whose large values are still in ``stream``, and what it is encoded in."""

    ds: Dataset
    stream: BinaryIO
    syntax: str

    @classmethod
    def from_stream(cls, stream: BinaryIO) -> "_Read":
        ds = dcmread(stream, defer_size=_LARGE)
        syntax = ds.file_meta.TransferSyntaxUID
        if syntax == DeflatedExplicitVRLittleEndian:  # no value of it lies anywhere in the stream
            stream.seek(0)
            ds = dcmread(stream)
        return cls(ds, stream, str(syntax))


def _equal(one: _Read, other: _Read) -> bool:
    """Compare all elements but group lengths, which count bytes."""
    tags = _tags(one.ds)
    return tags == _tags(other.ds) and all(_same_value(one, other, tag) for tag in tags)


def _tags(ds: Dataset) -> list[BaseTag]:
    return sorted(tag for tag in ds.keys() if tag.element)  # noqa: SIM118 - iterating decodes


def _same_value(one: _Read, other: _Read, tag: BaseTag) -> bool:
    """Compare bytes first: implicit encoding does not tell what a private element is."""
    found: list[Any] = [read.ds.get_item(tag, keep_deferred=True) for read in (one, other)]
    first, second = found
    if first.is_raw and second.is_raw:
        left_there = [item.value is None and item.length != 0 for item in (first, second)]
        if all(left_there):
            return _same_bytes((one.stream, first), (other.stream, second))
        if not any(left_there) and (first.value or b"") == (second.value or b""):
            return True
    values = one.ds[tag], other.ds[tag]
    if values[0].VR == values[1].VR == "SQ":
        items = [[_Read(item, read.stream, read.syntax) for item in value.value]
                 for read, value in zip((one, other), values, strict=True)]  # fmt: skip
        return len(items[0]) == len(items[1]) and all(map(_equal, *items))
    return bool(values[0] == values[1])


def _same_bytes(
    one: tuple[BinaryIO, RawDataElement], other: tuple[BinaryIO, RawDataElement]
) -> bool:
    """Compare two large values piece by piece.

    One of undefined length is compared to the end of its file: little ever stands behind pixels.
    """
    (first, item), (second, its_like) = one, other
    if item.length != its_like.length:
        return False
    is_endless = item.length == _UNDEFINED
    left = sys.maxsize if is_endless else item.length
    first.seek(item.value_tell)
    second.seek(its_like.value_tell)
    while left:
        pieces = [stream.read(min(left, _LARGE)) for stream in (first, second)]
        if pieces[0] != pieces[1] or not pieces[0]:
            return is_endless and pieces[0] == pieces[1]
        left -= len(pieces[0])
    return True
