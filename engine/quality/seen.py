"""A volume as the gates see it: coarse, on the patient's axes, body told from air."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import Orient, Resample, box_of, foreground
from engine.volume import Volume

__all__ = ["STEP_MM", "Seen", "enclosed"]

STEP_MM = 3.0
"""Of the voxels that are looked at: a lesion of 15 mm is five of them across."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A volume, small.

    Parameters
    ----------
    volume : Volume
        Axes (Z, Y, X) run nearest to (S, P, L), ``STEP_MM`` apart or coarser where the source is.

    Shapes
    ------
    voxels, body : (Z, Y, X)
    """

    volume: Volume

    @classmethod
    def of(cls, volume: Volume) -> "Seen":
        """Look at ``volume``, whose voxels are NumPy's."""
        plain = replace(volume, voxels=np.asarray(volume.voxels, dtype=np.float32), sources=())
        turned = Orient.fit(plain).apply(plain)
        steps = [max(STEP_MM, step) for step in turned.grid.spacing_mm]
        return cls(Resample((steps[0], steps[1], steps[2])).apply(turned))

    @property
    def voxels(self) -> NDArray[Any]:
        """The values."""
        return np.asarray(self.volume.voxels)

    @cached_property
    def body(self) -> NDArray[np.bool_]:
        """What is more than air, and what that encloses: cavities and cortical bone are body."""
        return enclosed(_unspeckled(np.asarray(foreground(self.voxels, self.volume.unit))))

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """The body's box; the whole where there is none."""
        z, y, x = (slice(first, last) for first, last in box_of(self.body))
        return z, y, x

    @property
    def steps_mm(self) -> NDArray[np.float64]:
        """Distances between voxels along (S, P, L)."""
        return np.array(self.volume.grid.spacing_mm)


def enclosed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what lies between voxels of ``mask`` along each of its axes."""
    inside = np.ones_like(mask)
    for axis in range(mask.ndim):
        before = np.maximum.accumulate(mask, axis=axis)
        after = np.flip(np.maximum.accumulate(np.flip(mask, axis), axis=axis), axis)
        inside &= before & after
    return inside


def _unspeckled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return ``mask`` without voxels that have fewer than two of it beside them: noise in air."""
    padded = np.pad(mask, 1).astype(np.uint8)
    beside = np.zeros_like(padded)
    for axis in range(3):
        for way in (-1, 1):
            beside += np.roll(padded, way, axis)
    return mask & (beside[1:-1, 1:-1, 1:-1] >= 2)
