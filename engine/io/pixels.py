"""An image by what it shows: a digest of its stored values, whatever it is filed under.

A tool that gives a series new names may take every mark of its origin away; the values stay, as
long as it keeps them without loss.
"""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from engine.io.frames import PARSER_ERRORS, Frame

__all__ = ["inner", "pixel_digest"]

_LONGEST = 4096
_ASKED = ["Rows", "Columns", "SamplesPerPixel", "NumberOfFrames"]
_PARTS = 4
"""A series is told by the slices between its quarters: the outer ones may show nothing."""


def pixel_digest(path: Path, number: int | None = None) -> str | None:
    """Return SHA-256 over the stored values of a grey plane, hex.

    None of one value all over, of colour, of several planes at once, of more than 4096 voxels along
    a side, and of what cannot be decoded.

    Values are counted as int32, little endian, after the shape: how many bits they were stored in,
    and how they were compressed without loss, does not matter.

    Parameters
    ----------
    number : int or None
        The frame, from 1, in an Enhanced object.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd values are judged elsewhere
            if not _is_plane(dcmread(path, stop_before_pixels=True, specific_tags=_ASKED), number):
                return None
            values = np.asarray(pixel_array(path, index=None if number is None else number - 1))
    except (*PARSER_ERRORS, MemoryError):  # what cannot be decoded is refused for that
        return None
    if values.ndim != 2 or values.min() == values.max():
        return None  # air looks alike in everything
    whole = hashlib.sha256(repr(values.shape).encode())
    whole.update(np.ascontiguousarray(values, dtype="<i4").data)
    return whole.hexdigest()


def _is_plane(ds: Dataset, number: int | None) -> bool:
    """Whether one grey plane is asked for, of a size that is made here: only such is decoded."""
    shape = (ds.get("Rows"), ds.get("Columns"))
    if not all(isinstance(side, int) and 0 < side <= _LONGEST for side in shape):
        return False
    several = number is None and ds.get("NumberOfFrames") not in (None, "", 1)
    return ds.get("SamplesPerPixel") == 1 and not several


def inner(frames: Sequence[Frame]) -> list[Frame]:
    """Return the planes by which a series is told: between the quarters of what is there."""
    places = sorted({len(frames) * part // _PARTS for part in range(1, _PARTS)})
    return [frames[at] for at in places if at < len(frames)]
