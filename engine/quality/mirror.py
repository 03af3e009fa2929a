"""The same subject with left for right: a network that knows its subject says the same of it."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from engine.volume import Grid, Volume

__all__ = ["Mirror"]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A sagittal plane.

    Parameters
    ----------
    at_mm : float
        Where it lies along L.
    """

    at_mm: float

    @classmethod
    def through(cls, volume: Volume) -> Self:
        """Return the plane through the middle of ``volume``."""
        middle = volume.affine @ np.array([*((np.array(volume.shape) - 1) / 2), 1.0])
        return cls(float(middle[0]))

    def of(self, volume: Volume) -> Volume:
        """Return ``volume`` on the other side; twice is where it was.

        Its voxels stay where they are in the array and the grid is turned around: what is made of
        it on the source's own grid lies voxel by voxel beside what is made of the source.
        """
        reflection = np.diag([-1.0, 1.0, 1.0, 1.0])
        reflection[0, 3] = 2 * self.at_mm
        return replace(volume, grid=Grid(volume.shape, reflection @ volume.affine))
