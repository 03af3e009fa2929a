"""A volume as the gates see it: coarse, on the patient's axes, body told from air."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import Orient, Resample, box_of, foreground
from engine.volume import Volume

__all__ = ["STEP_MM", "Seen"]

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
        """Where there is more than air."""
        return np.asarray(foreground(self.voxels, self.volume.unit), dtype=bool)

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """The body's box; the whole where there is none."""
        z, y, x = (slice(first, last) for first, last in box_of(self.body))
        return z, y, x

    @property
    def steps_mm(self) -> NDArray[np.float64]:
        """Distances between voxels along (S, P, L)."""
        return np.array(self.volume.grid.spacing_mm)
