"""Faults of a result: what a network, a bug or a disk might make of an image that was right.

Each takes the result (Z, Y, X) on its source's grid and returns another. Values are counted in the
spread of the result within the body, 200 HU where it is a CT.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.volume import Volume

__all__ = ["RESULT_FAULTS", "Result"]

Voxels = NDArray[np.float32]
_SHIFT_MM, _LESION_MM, _SLAB_MM, _LOST_MM = 10.0, 15.0, 12.0, 3.0
_CT_STEP = 200.0


@dataclass(frozen=True, eq=False, slots=True)
class Result:
    """A result, and where its body is.

    Parameters
    ----------
    volume : Volume
        Of one axis per patient axis: orient it first; (S, P, L).
    body : (Z, Y, X) bool
    outside : float
        What air is stored as.
    rng : numpy.random.Generator
    sliced : {0, 1, 2}
        The axis that it has its own slices along.
    """

    volume: Volume
    body: NDArray[np.bool_]
    outside: float
    rng: np.random.Generator
    sliced: int = 0

    @property
    def voxels(self) -> Voxels:
        """The values."""
        return np.array(self.volume.voxels, dtype=np.float32)

    @property
    def step(self) -> float:
        """A difference that matters: 200 HU, else a fifth of the range within the body."""
        if self.volume.unit == "HU":
            return _CT_STEP
        low, high = np.percentile(self.voxels[self.body], (5, 95))
        return 0.2 * float(high - low)

    @property
    def slice_mm(self) -> float:
        """How far its own slices lie apart."""
        return self.volume.grid.spacing_mm[self.sliced]

    @property
    def middle(self) -> int:
        """The slice in the middle of the body."""
        return int(ndimage.center_of_mass(self.body)[self.sliced])

    def ball(self, diameter_mm: float, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a ball around a place drawn from ``inside``, away from its rim."""
        spacing = np.array(self.volume.grid.spacing_mm)
        depth = ndimage.distance_transform_edt(inside, sampling=spacing)
        places = np.argwhere(depth > 0.75 * diameter_mm)
        if not len(places):
            places = np.argwhere(depth == depth.max())
        middle = places[self.rng.integers(len(places))]
        axes = np.ogrid[tuple(slice(0, size) for size in inside.shape)]
        away = sum(
            ((axis - place) * step) ** 2
            for axis, place, step in zip(axes, middle, spacing, strict=True)
        )
        return np.asarray(away < (diameter_mm / 2) ** 2)


Fault = Callable[[Result], Voxels]


def _shifted(axis: int) -> Fault:
    def fault(result: Result) -> Voxels:
        by = np.zeros(3)
        by[axis] = _SHIFT_MM / result.volume.grid.spacing_mm[axis]
        return np.asarray(
            ndimage.shift(result.voxels, by, order=1, cval=result.outside), dtype=np.float32
        )

    return fault


def _flipped(axis: int) -> Fault:
    return lambda result: np.flip(result.voxels, axis).copy()


def _raised(result: Result) -> Voxels:
    return result.voxels + np.float32(result.step)


def _raised_within(result: Result) -> Voxels:
    return np.where(result.body, result.voxels + np.float32(result.step), result.voxels)


def _noise_slab(result: Result) -> Voxels:
    voxels = result.voxels
    slices = np.moveaxis(voxels, result.sliced, 0)
    count = max(2, round(_SLAB_MM / result.slice_mm))
    part = slices[result.middle : result.middle + count]
    part += result.rng.normal(0, result.step, part.shape).astype(np.float32)
    return voxels


def _blank_slice(result: Result) -> Voxels:
    voxels = result.voxels
    np.moveaxis(voxels, result.sliced, 0)[result.middle] = result.outside
    return voxels


def _closed_up(result: Result) -> Voxels:
    """Lose slices, as many as make 3 mm; the others move up, and the last is there again."""
    voxels = result.voxels
    slices = np.moveaxis(voxels, result.sliced, 0)
    count = max(1, round(_LOST_MM / result.slice_mm))
    slices[result.middle : -count] = slices[result.middle + count :].copy()
    return voxels


def _repeated_slice(result: Result) -> Voxels:
    voxels = result.voxels
    slices, middle = np.moveaxis(voxels, result.sliced, 0), result.middle
    count = max(1, round(6.0 / result.slice_mm))
    slices[middle + 1 : middle + 1 + count] = slices[middle].copy()
    return voxels


def _lesion(times: float) -> Fault:
    """Add a ball that is brighter or darker than what was there."""

    def fault(result: Result) -> Voxels:
        ball = result.ball(_LESION_MM, result.body)
        blurred = ndimage.gaussian_filter(ball.astype(np.float32), 0.5)
        return result.voxels + np.float32(times * result.step) * blurred

    return fault


def _levelled(result: Result) -> Voxels:
    """Remove what there is in a ball: it becomes what lies around it."""
    voxels = result.voxels
    ball = result.ball(_LESION_MM, result.body)
    around = ndimage.binary_dilation(ball, iterations=2) & ~ball
    return np.where(ball, np.float32(np.median(voxels[around])), voxels)


RESULT_FAULTS: Mapping[str, Fault] = {
    "moved 10 mm to the head": _shifted(0),
    "moved 10 mm to the back": _shifted(1),
    "moved 10 mm to the left": _shifted(2),
    "raised all over": _raised,
    "raised within the body": _raised_within,
    "a slab of noise": _noise_slab,
    "upside down": _flipped(0),
    "back to front": _flipped(1),
    "left for right": _flipped(2),
    "a slice missing": _blank_slice,
    "slices lost, the rest closed up": _closed_up,
    "slices repeated": _repeated_slice,
    "a bright lesion added": _lesion(1.0),
    "a faint lesion added": _lesion(0.25),
    "a dark lesion added": _lesion(-1.0),
    "a lesion removed": _levelled,
}
"""By name; lesions are balls of 15 mm."""
