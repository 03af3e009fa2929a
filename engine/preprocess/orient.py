"""To canonical axes: slices towards the head, rows towards the back, columns towards the left."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.volume import Grid, Volume
from engine.xp import namespace

__all__ = ["Orient"]


@dataclass(frozen=True, slots=True)
class Orient:
    """Permute and flip axes so that (Z, Y, X) run along (S, P, L), as nearly as the grid allows.

    No voxel is interpolated; an oblique grid stays oblique by less than 45°.

    Parameters
    ----------
    axes : tuple of int
        The source axis that becomes each of (Z, Y, X).
    flips : tuple of bool
        Whether it runs the other way.
    """

    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    @classmethod
    def fit(cls, volume: Volume) -> "Orient":
        """Choose, for the three patient axes together, the source axes that lie nearest."""
        along = volume.affine[:3, :3] / np.array(volume.grid.spacing_mm)  # columns: source axes

        def nearness(axes: tuple[int, int, int]) -> float:
            return float(sum(abs(along[_LPS[i], axis]) for i, axis in enumerate(axes)))

        best = max(_PERMUTATIONS, key=nearness)
        flips = tuple(bool(along[_LPS[i], axis] < 0) for i, axis in enumerate(best))
        return cls(best, (flips[0], flips[1], flips[2]))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume on canonical axes; its slices are no longer the source's."""
        xp = namespace(volume.voxels)
        voxels = xp.permute_dims(volume.voxels, self.axes)
        flipped = tuple(axis for axis, flip in enumerate(self.flips) if flip)
        voxels = xp.flip(voxels, axis=flipped) if flipped else voxels
        to_source = np.zeros((4, 4))
        to_source[3, 3] = 1
        for axis, (source, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            to_source[source, axis] = -1 if flip else 1
            to_source[source, 3] = volume.shape[source] - 1 if flip else 0
        grid = Grid((voxels.shape[0], voxels.shape[1], voxels.shape[2]), volume.affine @ to_source)
        return Volume(voxels, grid, volume.unit, volume.frame_of_reference_uid)

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return a result on canonical axes to the axes of ``source``; exact."""
        xp = namespace(volume.voxels)
        flipped = tuple(axis for axis, flip in enumerate(self.flips) if flip)
        voxels = xp.flip(volume.voxels, axis=flipped) if flipped else volume.voxels
        back = tuple(int(i) for i in np.argsort(self.axes))
        return source.with_voxels(xp.permute_dims(voxels, back), unit=volume.unit)

    def follow(self, volume: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return a second volume of the source's grid on the same axes."""
        return self.apply(volume)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        return {"step": "orient", "axes": list(self.axes), "flips": list(self.flips)}


_LPS = (2, 1, 0)  # Z lies along S (row 2 of the affine), Y along P, X along L
_PERMUTATIONS: tuple[tuple[int, int, int], ...] = (
    (0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0),
)  # fmt: skip
