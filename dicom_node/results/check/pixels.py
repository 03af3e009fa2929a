"""The pixels of a result: those that were made, in the range of their kind, shown as they are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_node.results.check.wanted import Table, exactly
from dicom_node.results.making import Making

__all__ = ["Bits", "Histogram", "faults_of_made", "pixels"]


_HALF_A_STEP = 0.5 + 1e-3
"""Of a stored value, and what single precision may add to a small one."""
_SINGLE = 4 * float(np.finfo(np.float32).eps)
"""What it may add to a large one, as a share of it: PET has 32767 steps."""


@dataclass(frozen=True, slots=True)
class Bits:
    """How a kind of image stores a pixel.

    Parameters
    ----------
    stored : int
        Bits of 16.
    signed : bool
        Whether a pixel may be negative; none is.
    highest : int
        The greatest value.
    """

    stored: int
    signed: bool
    highest: int

    @property
    def dtype(self) -> str:
        """Little endian, as NumPy names it."""
        return "<i2" if self.signed else "<u2"


def pixels(making: Making, bits: Bits) -> Table:
    """Return Image Pixel (PS3.3 C.7.6.3), as it is wanted."""
    wanted = {
        "SamplesPerPixel": exactly(1),
        "PhotometricInterpretation": exactly("MONOCHROME2"),
        "BitsAllocated": exactly(16),
        "BitsStored": exactly(bits.stored),
        "HighBit": exactly(bits.stored - 1),
        "PixelRepresentation": exactly(int(bits.signed)),
    }
    padding = making.synthesis.stored.padding
    return wanted if padding is None else {**wanted, "PixelPaddingValue": exactly(padding)}


class Histogram:
    """How often each stored value of a volume occurs: percentiles without sorting it.

    Parameters
    ----------
    slices : (Z, Y, X)
        Stored values in 16 bits, none of them negative.
    """

    def __init__(self, slices: NDArray[np.uint16] | NDArray[np.int16]) -> None:
        counts = np.zeros(2**16, np.int64)
        for one in slices:
            counts += np.bincount(one.ravel().view(np.uint16), minlength=2**16)
        self._until = np.cumsum(counts)

    def percentile(self, percent: float) -> float:
        """Return what ``numpy.percentile`` does, bit for bit."""
        place = (int(self._until[-1]) - 1) * (percent / 100)
        below = int(np.floor(place))
        low, high = (
            int(np.searchsorted(self._until, index, side="right"))
            for index in (below, min(below + 1, int(self._until[-1]) - 1))
        )
        share = place - below
        return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def faults_of_made(making: Making, bits: Bits) -> Iterator[str]:
    """Yield what is wrong with the pixels before they are written."""
    stored, inside = making.synthesis.stored, making.synthesis.inside
    if stored.pixels.dtype != np.dtype(bits.dtype):
        yield f"pixels are {stored.pixels.dtype}, {np.dtype(bits.dtype)} is wanted"
        return
    lowest, highest = int(stored.pixels.min()), int(stored.pixels.max())
    if lowest < 0 or highest > bits.highest:
        yield f"pixels are {lowest} to {highest}, 0 to {bits.highest} is wanted"
    if not _is_what_was_judged(making, bits):
        yield "the pixels are not the volume that was judged, rounded"
    if bits.signed or (stored.padding is None and inside.all()):
        return
    if stored.padding is None:
        yield "what the source did not see is not set apart by a Pixel Padding Value"
    elif not _is_padded(making):
        yield "the Pixel Padding Value is not that of what the source did not see, and of it alone"


def _is_padded(making: Making) -> bool:
    stored, inside = making.synthesis.stored, making.synthesis.inside
    return all(
        np.array_equal(one == stored.padding, ~seen)
        for one, seen in zip(stored.pixels, inside, strict=True)
    )


def _is_what_was_judged(making: Making, bits: Bits) -> bool:
    """Whether each pixel is within half a step of the volume, which is clipped to what fits.

    Where there is padding, what the source did not see has that in place of the volume.
    """
    stored, volume = making.synthesis.stored, making.synthesis.volume
    if volume.shape != stored.pixels.shape:
        return False
    low = 0 if stored.padding is None else 1  # genuine pixels lie above the padding
    for pixels, made, seen in zip(
        stored.pixels, np.asarray(volume.voxels), making.synthesis.inside, strict=True
    ):
        held = np.ones_like(seen) if stored.padding is None else seen
        wanted = (made[held].astype(np.float64) - stored.intercept) / stored.slope
        wanted = np.clip(wanted, low, bits.highest)
        if not (np.abs(pixels[held] - wanted) <= _HALF_A_STEP + _SINGLE * wanted).all():
            return False  # so, too, where a value is no number
    return True
