"""To stored integers with the slope and intercept that bring them back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.volume import Array
from engine.xp import namespace, to_numpy

__all__ = ["Stored", "quantise_hu"]

_LOWEST, _HIGHEST = -1024.0, 3071.0
"""What 12 unsigned bits hold at slope 1 and intercept -1024 (PS3.3 C.8.2.1: CT Image module)."""


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """Pixels as DICOM stores them.

    Parameters
    ----------
    pixels : (Z, Y, X) uint16
    slope, intercept : float
        ``value = pixels * slope + intercept``, in the volume's unit.
    padding : int or None
        The stored value of voxels outside the field of view; no other voxel has it.
    """

    pixels: NDArray[np.uint16]
    slope: float
    intercept: float
    padding: int | None = None


def quantise_hu(hu: Array, inside: Array) -> Stored:
    """Round Hounsfield units to integers, 12 bits unsigned.

    Parameters
    ----------
    hu : (Z, Y, X)
        Hounsfield units; clipped to [-1024, 3071].
    inside : (Z, Y, X) bool
        Where there is an image. Elsewhere the pixel padding value 0 is stored, and then genuine
        voxels are kept above it (PS3.3 C.7.5.1.1.2).
    """
    xp = namespace(hu)
    padded = not bool(xp.all(inside))
    low = _LOWEST + 1 if padded else _LOWEST
    stored = xp.round(xp.clip(hu, low, _HIGHEST)) - _LOWEST
    stored = xp.where(inside, stored, xp.zeros_like(stored))
    pixels = to_numpy(stored).astype(np.uint16)
    return Stored(pixels, 1.0, _LOWEST, padding=0 if padded else None)
