"""To the box of the body, and to a size that the network divides."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from engine.errors import SpecError
from engine.preprocess.mask import air_of, box_of, foreground
from engine.volume import Grid, Volume
from engine.xp import namespace

__all__ = ["CropPad"]


@dataclass(frozen=True, slots=True)
class CropPad:
    """Cut to the body with a margin, then pad to at least ``minimum`` and a multiple.

    Networks with statistics over a whole slice see a like share of air in every scan this way.
    What is cut away is air, and so is the padding (-1000 HU, else 0): the step stands before
    normalisation.

    Parameters
    ----------
    multiple : int
        Rows and columns become multiples of this.
    minimum : (rows, columns)
        Fewest of each.
    margin_mm : float
        Air kept around the body.
    box : ((first, last), ...) or None
        What was fitted, per axis, in voxels; negative or beyond the end where padded.
    """

    multiple: int
    minimum: tuple[int, int]
    margin_mm: float
    box: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.multiple < 1 or min(self.minimum) < 1 or not 0 <= self.margin_mm < np.inf:
            raise SpecError(f"crop_pad: sizes below 1 or a margin below 0 in {self}")

    def fit(self, volume: Volume) -> Self:
        """Return the step with the box of ``volume``."""
        bounds = []
        for axis, (low, high) in enumerate(box_of(foreground(volume.voxels, volume.unit))):
            margin = round(self.margin_mm / volume.grid.spacing_mm[axis])
            first, last = max(0, low - margin), min(volume.shape[axis], high + margin)
            if axis > 0:  # slices keep their number; rows and columns meet the network's sizes
                bounds.append(self._grown(first, last, self.minimum[axis - 1]))
            else:
                bounds.append((first, last))
        return replace(self, box=tuple(bounds))

    def _grown(self, first: int, last: int, minimum: int) -> tuple[int, int]:
        size = max(minimum, last - first)
        size = -(-size // self.multiple) * self.multiple
        start = first - (size - (last - first)) // 2
        return start, start + size

    def apply(self, volume: Volume) -> Volume:
        """Return the box; voxels beyond the volume are air."""
        return self.follow(volume, outside=air_of(volume.unit))

    def follow(self, volume: Volume, *, outside: float) -> Volume:
        """Return the same box of a volume of the source's grid; around it lies ``outside``."""
        xp, shift = namespace(volume.voxels), np.eye(4)
        voxels = volume.voxels
        for axis, (first, last) in enumerate(self._fitted()):
            voxels = _cut(xp, voxels, axis, (first, last), outside)
            shift[axis, 3] = first
        grid = Grid((voxels.shape[0], voxels.shape[1], voxels.shape[2]), volume.affine @ shift)
        return Volume(voxels, grid, volume.unit, volume.frame_of_reference_uid)

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:
        """Put a result back into the field of view of ``source``; what was cut is ``outside``."""
        xp, voxels = namespace(volume.voxels), volume.voxels
        for axis, (first, _) in enumerate(self._fitted()):
            voxels = _cut(xp, voxels, axis, (-first, source.shape[axis] - first), outside)
        return source.with_voxels(voxels, unit=volume.unit)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        return {"step": "crop_pad", "box": [list(bounds) for bounds in self._fitted()]}

    def _fitted(self) -> tuple[tuple[int, int], ...]:
        if self.box is None:
            raise SpecError("crop_pad was not fitted to a volume before it was applied")
        return self.box


def _cut(xp: Any, x: Any, axis: int, span: tuple[int, int], outside: float) -> Any:
    """Return [first, last) of ``axis``, padded with ``outside`` where the span leaves the array."""
    first, last = span
    count = x.shape[axis]
    inner = [slice(None)] * 3
    inner[axis] = slice(max(0, first), min(count, last))

    def filling(planes: int) -> Any:
        shape = tuple(planes if other == axis else x.shape[other] for other in range(3))
        return xp.full(shape, outside, dtype=x.dtype, device=x.device)

    before, after = max(0, -first), max(0, last - count)
    parts = [filling(before)] if before else []
    parts.append(x[tuple(inner)])
    parts.extend([filling(after)] if after else [])
    return xp.concat(parts, axis=axis) if len(parts) > 1 else parts[0]
