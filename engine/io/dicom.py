"""Pixels of a sound stack, decoded and in their unit."""

import warnings
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from engine.errors import InputRefused, PixelsUnreadable
from engine.io.frames import PARSER_ERRORS, Frame
from engine.io.geometry import Stack
from engine.volume import Volume

__all__ = ["read_voxels"]

UNITS = {"CT": "HU", "PT": "stored"}
"""What a rescaled value counts, by modality; MR intensity is arbitrary, ``1``."""


def read_voxels(stack: Stack) -> Volume:
    """Decode the pixels of ``stack`` and apply the rescale of each frame (PS3.3 C.11.1).

    Returns
    -------
    Volume
        float32 (Z, Y, X), slices in the stack's order, one source per slice.

    Raises
    ------
    InputRefused
        When the stack is no volume.
    PixelsUnreadable
        When a decoder fails, or gives another shape than the header's, or a rescale is no number.
    """
    if stack.grid is None:
        raise InputRefused(stack.reasons)
    voxels = np.empty(stack.grid.shape, dtype=np.float32)
    opened: dict[Path, NDArray[Any]] = {}  # an Enhanced object is decoded once for all
    for z, frame in enumerate(stack.frames):
        voxels[z] = _plane(frame, opened, stack.grid.shape[1:])
    first = stack.frames[0].header
    return Volume(
        voxels,
        stack.grid,
        unit=UNITS.get(str(first.get("Modality")), "1"),
        frame_of_reference_uid=str(first["FrameOfReferenceUID"]),
        sources=tuple(frame.ref for frame in stack.frames),
    )


def _plane(frame: Frame, opened: dict[Path, NDArray[Any]], shape: Sequence[int]) -> NDArray[Any]:
    if frame.path not in opened:
        if frame.number is None:
            opened.clear()  # classic: one plane a file, no need to keep the last one
        opened[frame.path] = _decode(frame.path)
    pixels = opened[frame.path]
    planes = pixels[None] if pixels.shape == tuple(shape) else pixels
    if planes.shape[1:] != tuple(shape) or (frame.number is None and len(planes) > 1):
        raise PixelsUnreadable(f"pixels decode to {pixels.shape}, the header says {tuple(shape)}")
    number = frame.number or 1
    if number > len(planes):
        text = f"the header describes frame {number}, the pixels hold {len(planes)}"
        raise PixelsUnreadable(text)
    slope, intercept = _number(frame, "RescaleSlope", 1.0), _number(frame, "RescaleIntercept", 0.0)
    if slope == 0:
        raise PixelsUnreadable("Rescale Slope is 0: every value would be the intercept")
    scaled = planes[number - 1] * np.float32(slope) + np.float32(intercept)
    return np.asarray(scaled, dtype=np.float32)


def _number(frame: Frame, word: str, absent: float) -> float:
    value = frame.header.get(word, absent)
    if not isinstance(value, int | float) or not isfinite(value):
        raise PixelsUnreadable(f"{word} is {value}; one number is wanted")
    return float(value)


def _decode(path: Path) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # padding and odd values are judged, not repaired
            return np.asarray(dcmread(path).pixel_array)
    except PARSER_ERRORS as exc:  # decoders raise what they like; which one it was is in the text
        raise PixelsUnreadable(f"pixels cannot be decoded: {type(exc).__name__}: {exc}") from exc
