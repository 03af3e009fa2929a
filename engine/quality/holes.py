"""Closed holes of a body, which no way through the dark leads out of; what lies deep or near."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["away_mm", "eroded", "grown", "holes"]


def holes(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is not ``shown`` and not joined, face to face, to the outside of the image."""
    dark = np.pad(~shown, 1, constant_values=True)
    outside = np.zeros_like(dark)
    for axis in range(dark.ndim):
        outside[(slice(None),) * axis + ([0, -1],)] = True
    while True:
        before = int(outside.sum())
        for axis in range(dark.ndim):
            for turned in (slice(None), slice(None, None, -1)):
                _run_on(np.moveaxis(outside, axis, 0)[turned], np.moveaxis(dark, axis, 0)[turned])
        if int(outside.sum()) == before:
            return np.asarray((dark & ~outside)[(slice(1, -1),) * dark.ndim])


def _run_on(outside: NDArray[np.bool_], dark: NDArray[np.bool_]) -> None:
    """Let the outside run on through the dark along the first axis, in place."""
    for index in range(1, len(outside)):
        outside[index] |= outside[index - 1] & dark[index]


def eroded(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return what lies more than ``steps``, face to face, within ``mask``; its image ends it."""
    for _ in range(steps):
        padded, inside = np.pad(mask, 1), mask.copy()
        for axis in range(mask.ndim):
            for step in (1, -1):
                inside &= np.roll(padded, step, axis)[(slice(1, -1),) * mask.ndim]
        mask = inside
    return mask


def grown(mask: NDArray[np.bool_], steps: int) -> NDArray[np.bool_]:
    """Return what lies within ``steps``, face to face, of ``mask``."""
    away = eroded(~np.pad(mask, steps), steps)
    return np.asarray(~away[(slice(steps, -steps),) * mask.ndim])


def away_mm(mask: NDArray[np.bool_], steps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each voxel lies from the nearest of ``mask``; infinite where that is empty.

    Exact: the squares are added up axis by axis.

    References
    ----------
    Felzenszwalb and Huttenlocher 2012, Distance transforms of sampled functions, Theory of
    Computing 8; each line by all its places, as lines are short here.
    """
    squares = np.where(mask, 0.0, np.inf)
    for axis, step in enumerate(steps_mm):
        lines = np.moveaxis(squares, axis, 0)
        places = (np.arange(len(lines)) * step).reshape(-1, *([1] * (mask.ndim - 1)))
        nearest = np.full_like(lines, np.inf)
        for place, values in zip(places.ravel(), lines, strict=True):
            np.minimum(nearest, values + (places - place) ** 2, out=nearest)
        squares = np.moveaxis(nearest, 0, axis)
    return np.asarray(np.sqrt(squares))
