"""An object in explicit VR little endian: values as they were, pixels decoded where compressed.

The values are carried over as bytes. Decoded and encoded again, a text whose object names the wrong
character set would not come through.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from pydicom.dataset import Dataset

from dicom_node.archive.reader.model import WIDTHS, swapped
from dicom_node.archive.reader.pixels import Pixels
from dicom_node.archive.reader.source import OBJECT_ERRORS, Source, vr_of
from dicom_node.errors import Unreadable

__all__ = ["recoded"]

_PIXELS, _FIRST = 0x7FE00010, 0x00080000
"""What is less than the second belongs into no data set."""
_OFFSETS = frozenset({0x7FE00001, 0x7FE00002})
_UNDEFINED, _LONGEST_SHORT = 0xFFFFFFFF, 0xFFFF
_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_WORDS: Mapping[str, int] = {**WIDTHS, "US": 2, "SS": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4,
                             "FD": 8, "UV": 8, "SV": 8}  # fmt: skip
_TEXTS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM",
                    "UC", "UR", "UT"})  # fmt: skip
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Pixels that are decoded as they are written."""

    vr: str
    length: int
    pieces: Iterable[bytes]


@dataclass(slots=True)
class _Writer:
    """Writes elements; a value may be bytes, or pieces with their length."""

    out: BinaryIO
    source: Source
    changed: Mapping[int, bytes] = field(default_factory=dict)
    decoded: _Decoded | None = None

    def head(self, tag: int, vr: str, length: int) -> None:
        start = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode("ascii"))
        form = "<2xI" if vr in _LONG else "<H"
        self.out.write(start + struct.pack(form, length))

    def element(self, tag: int, vr: str, length: int, pieces: Iterable[bytes]) -> None:
        if vr not in _LONG and length > _LONGEST_SHORT:
            vr = "UN"  # PS3.5 6.2.2: what is too long for its VR
        odd = length % 2
        self.head(tag, vr, length + odd)
        for piece in pieces:
            self.out.write(piece)
        self.out.write((b" " if vr in _TEXTS else b"\0") * odd)

    def mark(self, tag: int, length: int) -> None:
        self.out.write(struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length))

    def dataset(self, ds: Dataset) -> None:
        for tag in sorted(int(tag) for tag in ds.keys()):  # noqa: SIM118 - iterating decodes
            if tag >= _FIRST and tag & 0xFFFF and tag not in _OFFSETS:  # no group lengths
                self.of(ds, tag)

    def of(self, ds: Dataset, tag: int) -> None:
        item: Any = ds.get_item(tag, keep_deferred=True)
        if tag == _PIXELS and self.decoded is not None:
            self.element(tag, self.decoded.vr, self.decoded.length, self.decoded.pieces)
        elif tag in self.changed:
            value = self.changed[tag]
            self.element(tag, vr_of(item, ds), len(value), (value,))
        elif not item.is_raw or (vr := vr_of(item, ds)) == "SQ":
            self.sequence(tag, self.source.items(item))
        else:
            self.element(tag, vr, *self.value(item, vr))

    def value(self, item: Any, vr: str) -> tuple[int, Iterable[bytes]]:
        width = _WORDS.get(vr, 1) if self.source.order == ">" else 1
        if item.value is not None or not item.length:
            content = item.value or b""
            return len(content), (swapped(content, width),)
        pieces = self.source.pieces(item.value_tell, item.length)
        return item.length, (swapped(piece, width) for piece in pieces)

    def sequence(self, tag: int, items: Iterable[Dataset]) -> None:
        self.head(tag, "SQ", _UNDEFINED)
        inner = _Writer(self.out, self.source)
        for item in items:
            inner.mark(_ITEM, _UNDEFINED)
            inner.dataset(item)
            inner.mark(_ITEM_END, 0)
        self.mark(_SEQUENCE_END, 0)


def recoded(source: Source, out: BinaryIO, most_frame_bytes: int) -> None:
    """Write the data set in explicit VR little endian to ``out``.

    Nothing is lost: what was compressed with loss stays what its decoder makes of it, and says so.

    Raises
    ------
    Unreadable
        When it cannot be read, or its pixels cannot be decoded; ``out`` then holds a part of it.
    """
    try:
        if source.syntax.is_encapsulated:
            _write_decoded(source, out, most_frame_bytes)
        else:
            _Writer(out, source).dataset(source.dataset())
    except OBJECT_ERRORS as exc:
        raise Unreadable(f"the object cannot be encoded again: {type(exc).__name__}") from exc


def _write_decoded(source: Source, out: BinaryIO, most_frame_bytes: int) -> None:
    try:
        pixels = Pixels.of(source)
    except Unreadable:  # an object without pixels, in an encoding for pixels
        _Writer(out, source).dataset(source.dataset())
        return
    frames = _frames(pixels, most_frame_bytes)
    first, about = next(frames)
    length = pixels.number_of_frames * first.nbytes
    if length > _UNDEFINED - 1:
        raise Unreadable("the pixels are more than DICOM can hold when they are not compressed")
    vr = "OB" if first.itemsize == 1 else "OW"
    decoded = _Decoded(vr, length, _bytes_of(first, frames))
    _Writer(out, source, _image_pixel(pixels.ds, about), decoded).dataset(source.dataset())


def _frames(
    pixels: Pixels, most_bytes: int
) -> Iterator[tuple[np.ndarray[Any, Any], dict[str, Any]]]:
    for index in range(pixels.number_of_frames):
        yield pixels.decoded(index, raw=False, most_bytes=most_bytes)


def _bytes_of(
    first: np.ndarray[Any, Any], others: Iterator[tuple[np.ndarray[Any, Any], dict[str, Any]]]
) -> Iterator[bytes]:
    yield _little(first)
    for frame, _ in others:
        if frame.nbytes != first.nbytes:
            raise Unreadable("the frames are not of one size")
        yield _little(frame)


def _little(frame: np.ndarray[Any, Any]) -> bytes:
    return frame.astype(frame.dtype.newbyteorder("<"), copy=False).tobytes()


def _image_pixel(ds: Dataset, about: Mapping[str, Any]) -> dict[int, bytes]:
    """Return what the image pixel module says of decoded pixels, where it said otherwise."""
    changed = {}
    interpretation = str(about["photometric_interpretation"])
    if "PhotometricInterpretation" in ds and ds.PhotometricInterpretation != interpretation:
        changed[0x00280004] = interpretation.encode("ascii")
    if "PlanarConfiguration" in ds:
        changed[0x00280006] = struct.pack("<H", int(about.get("planar_configuration", 0)))
    return changed
