"""How far a result may be off, voxel by voxel: what the network's disagreement says of its error.

A network that is asked twice, once with left for right, answers alike where it is sure. How much of
an error goes with how much disagreement was measured on held-out subjects.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import air_of, resample_onto
from engine.quality.seen import Seen
from engine.volume import Volume

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The standard deviation of the error that goes with a disagreement.

    Its square is ``floor² + (slope · disagreement)²``.

    Parameters
    ----------
    floor : float
        Where both answers are the same, in the unit of the result.
    slope : float
        Per unit of disagreement.
    """

    floor: float
    slope: float

    def of(self, apart: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the spread that goes with differences of any shape."""
        spread = np.hypot(self.floor, self.slope * apart.astype(np.float64))
        return np.asarray(spread, dtype=np.float32)

    def over(self, made: Volume, again: Volume) -> Volume:
        """Return the spread of each voxel of a result, 0 outside of its body.

        It is that of the mean over the voxels that the gates see (3 mm), brought onto the result's
        grid: a single voxel of a finer one may be off by more.

        Parameters
        ----------
        made, again : Volume
            The result, and that of the mirrored sources on this side; NumPy voxels.
        """
        one, other = Seen.of(made), Seen.of(again).volume
        grid = one.volume.grid
        if not other.grid.same_as(grid):
            air = air_of(other.unit)
            other, _ = resample_onto(other, grid, seen=other.grid, outside=air)
        apart = np.abs(one.voxels - np.asarray(other.voxels))
        coarse = np.where(one.body, self.of(apart), np.float32(0))
        small = replace(one.volume, voxels=coarse)
        spread, _ = resample_onto(small, made.grid, seen=made.grid, outside=0.0)
        return made.with_voxels(np.asarray(spread.voxels, dtype=np.float32))
