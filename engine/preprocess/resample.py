"""To a spacing, and onto another grid.

Both interpolate linearly between voxel centres. Along its own axes a volume is resampled by one
small matrix per axis, so the same code is a matrix product on every array library; downwards the
interpolation kernel is widened to the new step, which keeps what is averaged away from aliasing.
The one exception is the way back from a nested grid, which takes what lies at each centre.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.volume import Array, Grid, Volume
from engine.xp import namespace

__all__ = ["Resample", "along_axis", "axis_weights", "resample_onto", "thinned"]

_SLAB = 8  # output slices that resample_onto holds at once


@dataclass(frozen=True, slots=True)
class Resample:
    """Bring a volume to ``spacing_mm`` along its own axes.

    The new voxels cover the field of view of the old ones, centred on it; voxels outside the outer
    centres take the value of the nearest. Nested, they lie between the outer centres, which the
    first and the last of them are.

    Parameters
    ----------
    spacing_mm : (Z, Y, X)
        Wanted distance between voxel centres; 0 leaves an axis as it is.
    nested : bool
        Divide the source's own spacing by the whole number that comes nearest to what is wanted,
        and put the new voxels so that the old centres are among them: the way back then takes what
        the network made there, and blurs nothing. Where the source is so fine that its spacing
        times 2 or more comes nearest, that is taken as if it were not nested, and the way back
        interpolates.
    """

    spacing_mm: tuple[float, float, float]
    nested: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= step < np.inf for step in self.spacing_mm):
            text = "resample: three spacings of 0 mm or more are wanted"
            raise SpecError(f"{text} (0: as acquired), got {self.spacing_mm}")

    def apply(self, volume: Volume) -> Volume:
        """Return the volume at the wanted spacing."""
        voxels, shape, scale, shift = volume.voxels, [], np.eye(4), np.eye(4)
        for axis in range(3):
            count, ratio, start = self._placed(volume.grid, axis)
            exact = self.nested and ratio <= 1
            weights = axis_weights(volume.shape[axis], count, ratio, start, averaged=not exact)
            voxels = along_axis(voxels, axis, weights)
            shape.append(count)
            scale[axis, axis], shift[axis, 3] = ratio, start
        grid = Grid((shape[0], shape[1], shape[2]), volume.affine @ shift @ scale)
        return Volume(voxels, grid, volume.unit, volume.frame_of_reference_uid)

    def _placed(self, grid: Grid, axis: int) -> tuple[int, float, float]:
        """Return how many voxels there will be, how far apart and from where, in old indices."""
        old, count = grid.spacing_mm[axis], grid.shape[axis]
        wanted = self.spacing_mm[axis] or old
        if self.nested:
            parts = max(1, round(old / wanted))
            if parts > 1 or wanted < 1.5 * old:
                return (count - 1) * parts + 1, 1 / parts, 0.0
            wanted = old * round(wanted / old)
        new = max(1, round(grid.extent_mm[axis] / wanted))
        ratio = wanted / old
        return new, ratio, (count - 1) / 2 - ratio * (new - 1) / 2

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return a result at the new spacing to the voxel centres of ``source``."""
        to_result = np.linalg.inv(volume.affine) @ source.affine  # source indices to result indices
        voxels = volume.voxels
        for axis, count in enumerate(source.shape):
            ratio, start = float(to_result[axis, axis]), float(to_result[axis, 3])
            weights = axis_weights(
                volume.shape[axis], count, ratio, start, averaged=not self.nested
            )
            voxels = along_axis(voxels, axis, weights)
        return source.with_voxels(voxels, unit=volume.unit)

    def follow(self, volume: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return a second volume of the source's grid at the same spacing."""
        return self.apply(volume)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        record = {"step": "resample", "spacing_mm": list(self.spacing_mm)}
        return {**record, "nested": True} if self.nested else record


def thinned(volume: Volume, grid: Grid) -> Volume:
    """Return ``volume`` no finer along any of its axes than ``grid`` samples that direction.

    Interpolating onto a coarser grid afterwards then leaves no detail to alias.
    """
    along = volume.affine[:3, :3] / np.array(volume.grid.spacing_mm)
    across = grid.affine[:3, :3] / np.array(grid.spacing_mm) ** 2
    steps_per_mm = np.abs(across.T @ along).max(axis=0)  # of the grid, per axis of the volume
    z, y, x = np.maximum(1 / steps_per_mm, volume.grid.spacing_mm)
    if np.allclose((z, y, x), volume.grid.spacing_mm, rtol=0.01):
        return volume
    return Resample((float(z), float(y), float(x))).apply(volume)


def axis_weights(
    count_in: int, count_out: int, ratio: float, start: float, *, averaged: bool = True
) -> NDArray[np.float32]:
    """Return the matrix (count_out, count_in) that resamples one axis.

    Output i lies at input coordinate ``start + ratio * i``. Each row sums to 1; its triangle is one
    input voxel wide, or, where ``averaged``, one output voxel where that is more. Where not, a
    coordinate that is whole but for rounding is whole: it takes one voxel and nothing of the next.
    """
    centres = np.clip(start + ratio * np.arange(count_out), 0, count_in - 1)
    if not averaged:
        whole = np.round(centres)
        centres = np.where(np.abs(centres - whole) < 1e-6, whole, centres)
    away = np.abs(centres[:, None] - np.arange(count_in)[None, :])
    weights = np.clip(1 - away / (max(1.0, ratio) if averaged else 1.0), 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def along_axis(voxels: Array, axis: int, weights: NDArray[np.float32]) -> Array:
    """Multiply ``axis`` of ``voxels`` by ``weights`` (out, in)."""
    xp = namespace(voxels)
    matrix = xp.asarray(weights, dtype=voxels.dtype, device=voxels.device)
    moved = xp.moveaxis(voxels, axis, 0)
    flat = xp.reshape(moved, (moved.shape[0], -1))
    result = xp.reshape(matrix @ flat, (weights.shape[0], *moved.shape[1:]))
    return xp.moveaxis(result, 0, axis)


def resample_onto(
    volume: Volume, grid: Grid, *, seen: Grid, outside: float
) -> tuple[Volume, Array]:
    """Return ``volume`` at the voxel centres of ``grid``, wherever that lies.

    Parameters
    ----------
    volume : Volume
        Any orientation.
    grid : Grid
        Target; its axes need not be the volume's.
    seen : Grid
        The field of view that counts: the source's, outer voxel edges included.
    outside : float
        Value of voxels that lie outside ``seen``.

    Returns
    -------
    resampled : Volume
    inside : (Z, Y, X) bool
        Which voxels lie within ``seen``.

    References
    ----------
    Trilinear interpolation; PS3.3 C.7.6.2.1.1 for the affine.
    """
    xp = namespace(volume.voxels)
    voxels, device = volume.voxels, volume.voxels.device
    empty = xp.asarray(outside, dtype=voxels.dtype, device=device)
    values, inside = [], []
    for first in range(0, grid.shape[0], _SLAB):
        slab = (first, min(first + _SLAB, grid.shape[0]))
        edges = _coordinates(grid, slab, seen)
        within = np.ones(edges.shape[1:], dtype=bool)
        for axis, count in enumerate(seen.shape):
            within &= (edges[axis] >= -0.5) & (edges[axis] <= count - 0.5)
        place = xp.asarray(within, device=device)
        values.append(
            xp.where(place, _trilinear(volume, _coordinates(grid, slab, volume.grid)), empty)
        )
        inside.append(place)
    resampled = Volume(xp.concat(values), grid, volume.unit, volume.frame_of_reference_uid)
    return resampled, xp.concat(inside)


def _coordinates(grid: Grid, slab: tuple[int, int], of: Grid) -> NDArray[np.float64]:
    """Array coordinates (3, Z, Y, X) in ``of`` of slices [first, last) of ``grid``."""
    affine = np.linalg.inv(of.affine) @ grid.affine
    indices = np.indices((slab[1] - slab[0], *grid.shape[1:]), dtype=np.float64)
    indices[0] += slab[0]
    moved = np.einsum("ij,jzyx->izyx", affine[:3, :3], indices)
    return np.asarray(moved + affine[:3, 3, None, None, None])


def _trilinear(volume: Volume, at: NDArray[np.float64]) -> Array:
    """Values at array coordinates ``at`` (3, ...), clamped to the volume."""
    xp, voxels = namespace(volume.voxels), volume.voxels
    flat = xp.reshape(voxels, (-1,))
    lows, parts = [], []
    for axis, count in enumerate(volume.shape):
        clamped = np.clip(at[axis], 0, count - 1)
        low = np.minimum(np.floor(clamped).astype(np.int64), max(count - 2, 0))
        lows.append(low)
        parts.append((clamped - low).astype(np.float32))
    total = xp.zeros(at.shape[1:], dtype=voxels.dtype, device=voxels.device)
    for corner in range(8):
        steps = [(corner >> axis) & 1 for axis in range(3)]
        where = np.zeros(at.shape[1:], dtype=np.int64)
        weight = np.ones(at.shape[1:], dtype=np.float32)
        for axis, count in enumerate(volume.shape):
            where = where * count + np.minimum(lows[axis] + steps[axis], count - 1)
            weight = weight * (parts[axis] if steps[axis] else 1 - parts[axis])
        taken = xp.take(flat, xp.asarray(where.ravel(), device=voxels.device))
        total = total + xp.reshape(taken, where.shape) * xp.asarray(
            weight, dtype=voxels.dtype, device=voxels.device
        )
    return total
