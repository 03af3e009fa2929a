"""To stored integers with the slope and intercept that bring them back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.volume import Array
from engine.xp import namespace, to_numpy

__all__ = ["Stored", "quantise", "quantise_hu", "quantise_mr", "quantise_pet"]

_LOWEST, _HIGHEST = -1024.0, 3071.0
"""What 12 unsigned bits hold at slope 1 and intercept -1024 (PS3.3 C.8.2.1: CT Image module)."""
_MR_LEVELS, _PET_LEVELS = 4095, 32767
_DECIMAL = 16
"""Characters of a Decimal String (PS3.5 6.2)."""


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """Pixels as DICOM stores them.

    Parameters
    ----------
    pixels : (Z, Y, X) uint16 or int16
    slope, intercept : float
        ``value = pixels * slope + intercept``, in the volume's unit.
    padding : int or None
        The stored value of voxels outside the field of view; no other voxel has it.
    """

    pixels: NDArray[np.uint16] | NDArray[np.int16]
    slope: float
    intercept: float
    padding: int | None = None


def quantise(label: str, voxels: Array, inside: Array, *, high: float) -> Stored:
    """Round what was made to integers, as objects of its kind hold them.

    Parameters
    ----------
    label : str
        What was made: ``CT``, ``PT``, or a label of MR.
    voxels : (Z, Y, X)
        In its unit.
    inside : (Z, Y, X) bool
        Where there is an image.
    high : float
        The greatest value that the model makes.
    """
    if label == "CT":
        return quantise_hu(voxels, inside)
    return quantise_pet(voxels) if label == "PT" else quantise_mr(voxels, inside, high=high)


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
    return Stored(_pixels(stored, inside), 1.0, _LOWEST, padding=0 if padded else None)


def quantise_mr(intensity: Array, inside: Array, *, high: float) -> Stored:
    """Round arbitrary intensities to integers, 12 bits unsigned, by one scale for all slices.

    Parameters
    ----------
    intensity : (Z, Y, X)
        Clipped to [0, high]; ``high`` becomes 4095.
    inside : (Z, Y, X) bool
        Where there is an image. Elsewhere the pixel padding value 0 is stored, and then genuine
        voxels are kept above it.
    high : float
        The greatest intensity that the model makes: two series of one model have one scale.
    """
    xp, slope = namespace(intensity), high / _MR_LEVELS
    padded = not bool(xp.all(inside))
    stored = xp.round(xp.clip(intensity, 0.0, high) / slope)
    stored = xp.clip(stored, float(padded), float(_MR_LEVELS))
    return Stored(_pixels(stored, inside), slope, 0.0, padding=0 if padded else None)


def quantise_pet(uptake: Array) -> Stored:
    """Round uptake to integers, 15 bits in 16 signed, by one slope for all slices.

    The slope is rounded to what a Decimal String holds before anything is divided by it, so a
    reader's product is ours; the intercept of a PET image is 0 (PS3.3 C.8.9.4). What the source
    did not see has no uptake, as air: no stored value is set apart for it.

    Parameters
    ----------
    uptake : (Z, Y, X)
        Clipped at 0.
    """
    xp = namespace(uptake)
    seen = xp.clip(uptake, 0.0, None)
    slope = _decimal(float(xp.max(seen)) / _PET_LEVELS)
    stored = xp.clip(xp.round(seen / slope), 0.0, float(_PET_LEVELS))
    return Stored(to_numpy(stored).astype(np.int16), slope, 0.0)


def _pixels(stored: Array, inside: Array) -> NDArray[np.uint16]:
    xp = namespace(stored)
    seen = xp.where(inside, stored, xp.zeros_like(stored))
    return to_numpy(seen).astype(np.uint16)


def _decimal(value: float) -> float:
    """Return the nearest number to ``value`` that 16 characters write."""
    texts = (format(value, f".{digits}g") for digits in range(_DECIMAL, 0, -1))
    return float(next(text for text in texts if len(text) <= _DECIMAL))
