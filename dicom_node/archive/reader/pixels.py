"""Frames of an object: as they lie in the file, or decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.tag import BaseTag

from dicom_node.archive.reader.fragments import Fragments, Offsets
from dicom_node.archive.reader.source import OBJECT_ERRORS, Source
from dicom_node.errors import Unreadable

__all__ = ["Pixels"]

_KEYWORDS = {
    0x7FE00008: "FloatPixelData",
    0x7FE00009: "DoubleFloatPixelData",
    0x7FE00010: "PixelData",
}
_FIRST = min(_KEYWORDS)
_UNDEFINED = 0xFFFFFFFF
_OFFSETS = (0x7FE00001, 0x7FE00002)
_MOST_OFFSETS = 2**26


@dataclass(frozen=True)
class Pixels:
    """Where the pixels of an object are.

    Parameters
    ----------
    ds : Dataset
        All that stands before them; what is looked at is decoded, and no longer raw.
    at : int
        Where in the file their value begins.
    length : int
        Of the value; 0xFFFFFFFF where they are encapsulated (PS3.5 A.4).
    vr : str
        OB or OW; empty with implicit VR.
    keyword : str
        Of the element.
    """

    source: Source
    ds: Dataset
    at: int
    length: int
    vr: str
    keyword: str

    @classmethod
    def of(cls, source: Source) -> "Pixels":
        """Find the pixels of an object.

        Raises
        ------
        Unreadable
            When it has none.
        """
        ds = source.dataset(stop_when=_at_pixels)
        head = source.file.read(12)
        try:
            group, element = struct.unpack_from(f"{source.order}HH", head)
            if source.syntax.is_implicit_VR:
                vr, size = "", 8
                (length,) = struct.unpack_from(f"{source.order}I", head, 4)
            else:
                vr, size = head[4:6].decode("latin-1"), 12
                (length,) = struct.unpack_from(f"{source.order}I", head, 8)
        except struct.error as exc:
            raise Unreadable("the object has no pixels") from exc
        tag = group << 16 | element
        if tag not in _KEYWORDS:
            raise Unreadable("the object has no pixels")
        at = source.file.tell() - len(head) + size
        return cls(source, ds, at, length, vr, _KEYWORDS[tag])

    @property
    def is_encapsulated(self) -> bool:
        """Whether the frames lie in fragments."""
        return self.length == _UNDEFINED

    @property
    def number_of_frames(self) -> int:
        """Number of Frames (0028,0008), 1 where it is absent or none."""
        try:
            return max(1, int(self.ds.get("NumberOfFrames") or 1))
        except OBJECT_ERRORS:
            return 1

    @property
    def frame_bits(self) -> int:
        """Size of one frame when it is not compressed.

        Raises
        ------
        Unreadable
            When the object does not say.
        """
        try:
            sizes = [int(self.ds[name].value) for name in ("Rows", "Columns", "BitsAllocated")]
            sizes.append(int(self.ds.get("SamplesPerPixel") or 1))
        except OBJECT_ERRORS as exc:
            raise Unreadable("the object does not say how large its frames are") from exc
        rows, columns, bits, samples = sizes
        found = rows * columns * bits * samples
        if found <= 0:
            raise Unreadable("the object says that its frames are empty")
        is_halved = self.ds.get("PhotometricInterpretation") == "YBR_FULL_422"
        return found * 2 // 3 if is_halved and not self.is_encapsulated else found

    @cached_property
    def fragments(self) -> Fragments:
        """Where encapsulated frames lie."""
        tag = _OFFSETS[0]
        element: Any = self.ds.get_item(tag, keep_deferred=True) if tag in self.ds else None
        extended = None if element is None else Offsets.extended(self.source, element)
        return Fragments(self.source, self.at, self.number_of_frames, extended)

    def check(self, index: int) -> None:
        """Pass when :meth:`stored` can give a frame to its end.

        Raises
        ------
        Unreadable
            As :meth:`stored`.
        """
        if self.is_encapsulated:
            self.fragments.size(index)
        else:
            self._span(index)

    def stored(self, index: int) -> Iterator[bytes]:
        """Yield the bytes of one frame as they are in the file, fragments joined.

        Raises
        ------
        Unreadable
            When it is not there, or does not begin and end with a byte.
        """
        if self.is_encapsulated:
            yield from self.fragments.frame(index)
            return
        yield from self.source.pieces(*self._span(index))

    def _span(self, index: int) -> tuple[int, int]:
        bits = self.frame_bits
        if bits * index % 8 or bits % 8:
            raise Unreadable("the frame does not begin and end with a whole byte")
        at, count = bits * index // 8, bits // 8
        if at + count > self.length:
            raise Unreadable(f"there is no frame {index + 1}")
        return self.at + at, count

    def _extended_offsets(self) -> tuple[bytes, bytes] | None:
        found = []
        for tag in _OFFSETS:
            element: Any = self.ds.get_item(tag, keep_deferred=True) if tag in self.ds else None
            if element is None or element.length > _MOST_OFFSETS:
                return None
            found.append(self.source.value(element) if element.is_raw else element.value)
        at = self.at
        self.source.file.seek(at)
        return (found[0], found[1]) if all(found) else None

    def decoded(
        self, index: int, *, raw: bool, most_bytes: int
    ) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        """Return one frame as an array, and what its pixels are now.

        Parameters
        ----------
        raw : bool
            Whether colours stay in the space that they are stored in; else they become RGB.
        most_bytes : int
            A larger frame is not decoded.

        Shapes
        ------
        return : (Rows, Columns) or (Rows, Columns, SamplesPerPixel)

        Raises
        ------
        Unreadable
            When it cannot be decoded.
        """
        if (size := self.frame_bits // 8) > most_bytes:
            raise Unreadable(f"a frame has {size // 2**20} MB, more than is decoded here")
        if not 0 <= index < self.number_of_frames:
            raise Unreadable(f"there is no frame {index + 1}")
        if self.is_encapsulated and (size := self.fragments.size(index)) > most_bytes:
            raise Unreadable(f"a frame has {size // 2**20} MB compressed, more than is decoded")
        try:
            decoder = get_decoder(self.source.syntax)
            options = as_pixel_options(self.ds, pixel_keyword=self.keyword)
            if self.vr:
                options["pixel_vr"] = self.vr
            if offsets := self._extended_offsets():
                options["extended_offsets"] = offsets
            self.source.file.seek(self.at)
            found = decoder.as_array(self.source.file, index=index, raw=raw, **options)
        except OBJECT_ERRORS as exc:
            name = self.source.syntax.name
            raise Unreadable(f"frame {index + 1} cannot be decoded from {name}") from exc
        return found[0], dict(found[1])


def _at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) >= _FIRST
