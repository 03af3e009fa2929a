"""Frames: one image plane each, whether a file of its own or part of an Enhanced object."""

import struct
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
)

from engine.errors import InputRefused
from engine.io.header import Header, header_tags, headers_of
from engine.reason import Code, Reason
from engine.volume import FrameRef

__all__ = ["DECODED", "PARSER_ERRORS", "Frame", "read_frames"]

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
DECODED = frozenset(
    {*NATIVE, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless}
    | {*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes}
)  # fmt: skip
"""Transfer syntaxes that the decoders read (python-gdcm, OpenJPEG, CharLS, RLE)."""
_BIG = 4096  # bytes; longer values are passed over, only their length is looked at


@dataclass(frozen=True, slots=True)
class Frame:
    """One plane with its facts.

    Parameters
    ----------
    path : Path
        The file.
    number : int or None
        The frame's number from 1 in an Enhanced object; None in a classic one.
    header : mapping
        Keyword to plain value: see :mod:`engine.io.header`.
    pixel_fault : str or None
        What is wrong with the pixel data as far as its length and transfer syntax tell.
    """

    path: Path
    number: int | None
    header: Header
    pixel_fault: str | None = None

    @property
    def is_image(self) -> bool:
        """Whether there are pixels at all."""
        return min(self.matrix) > 0

    @property
    def ref(self) -> FrameRef:
        """The frame as results refer to it."""
        facts = self.header
        return FrameRef(facts.get("SOPClassUID", ""), facts.get("SOPInstanceUID", ""), self.number)

    @property
    def position_mm(self) -> tuple[float, ...] | None:
        """Image Position (Patient), (0020,0032)."""
        return self._numbers("ImagePositionPatient", 3)

    @property
    def orientation(self) -> tuple[float, ...] | None:
        """Image Orientation (Patient), (0020,0037): cosines of a row, then of a column."""
        return self._numbers("ImageOrientationPatient", 6)

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Pixel Spacing, (0028,0030): between rows, then between columns."""
        return self._numbers("PixelSpacing", 2)

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns; (0, 0) where the object is no image."""
        rows, columns = self.header.get("Rows"), self.header.get("Columns")
        if not isinstance(rows, int) or not isinstance(columns, int):
            return 0, 0
        return rows, columns

    def _numbers(self, word: str, count: int) -> tuple[float, ...] | None:
        values = self.header.get(word)
        if not isinstance(values, tuple) or len(values) != count:
            return None
        if not all(isinstance(value, int | float) and isfinite(value) for value in values):
            return None
        return tuple(float(value) for value in values)


def read_frames(paths: Sequence[Path]) -> list[Frame]:
    """Return every frame of every file, headers only.

    Raises
    ------
    InputRefused
        With ``NOT_AN_IMAGE`` when a file is not DICOM or breaks off inside its header.
    """
    return [frame for path in paths for frame in _frames_of(path)]


PARSER_ERRORS = (
    InvalidDicomError, BytesLengthException, AttributeError, EOFError, IndexError, KeyError,
    NotImplementedError, OSError, OverflowError, RuntimeError, TypeError, ValueError, struct.error,
    zlib.error,
)  # fmt: skip
"""A damaged header can break the parser anywhere; which error it was is in the text."""


def _frames_of(path: Path) -> list[Frame]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's values are judged here, not repaired
            ds = dcmread(path, specific_tags=header_tags(), defer_size=_BIG)
            headers = list(headers_of(ds))
            fault = _pixel_fault(ds, path, len(headers))
    except PARSER_ERRORS as exc:
        text = f"{path.name} cannot be read as DICOM: {type(exc).__name__}: {exc}"
        raise InputRefused([Reason(Code.NOT_AN_IMAGE, text)]) from exc
    several = ds.get("PerFrameFunctionalGroupsSequence") is not None
    return [
        Frame(path, number if several else None, facts, fault)
        for number, facts in enumerate(headers, start=1)
    ]


def _pixel_fault(ds: FileDataset, path: Path, frames: int) -> str | None:
    """Compare what the header promises with what the file holds, without reading the pixels."""
    if not ds.get("Rows") or not ds.get("Columns"):
        return None
    syntax = UID(ds.file_meta.get("TransferSyntaxUID", ImplicitVRLittleEndian))
    if syntax not in DECODED:
        return f"no decoder for transfer syntax {syntax.name} ({syntax})"
    if "PixelData" not in ds:
        return "the object has rows and columns but no Pixel Data (7FE0,0010)"
    if syntax not in NATIVE:
        return None
    element = ds.get_item("PixelData")
    count = max(frames, int(ds.get("NumberOfFrames") or 1))
    wanted = -(-_bits(ds) * count // 8)
    held = _held_bytes(element, path)
    return None if held >= wanted else f"{held} bytes of pixel data, {wanted} wanted"


def _bits(ds: FileDataset) -> int:
    rows, columns = int(ds.Rows), int(ds.Columns)
    return rows * columns * int(ds.get("SamplesPerPixel") or 1) * int(ds.get("BitsAllocated") or 16)


def _held_bytes(element: Any, path: Path) -> int:
    """Bytes of pixel data that the file really has; a cut file promises more than it holds."""
    if element.value is None:  # passed over while reading: see _BIG
        return min(int(element.length), path.stat().st_size - int(element.value_tell))
    return len(element.value)
