"""How a volume changes from plane to plane: evenly, if nothing was lost, doubled or mixed up."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import Resample, foreground
from engine.quality.seen import STEP_MM
from engine.volume import Volume

__all__ = ["order_and_gap", "own_slices", "repeats_and_jumps"]

_NEAR = 3
"""Steps on either side that one step is held against."""
_SLIGHT = 0.1
"""Share of the fullest section of a body: what may be its end, or speckle."""


def own_slices(volume: Volume) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return a volume's slices from the first to the last that show a body, and how much each does.

    Parameters
    ----------
    volume : Volume
        On its own grid; NumPy voxels.

    Returns
    -------
    slices : (N, Y, X)
        Coarse in the plane.
    areas : (N,)
        Of what is more than air, beside the fullest slice's.
    """
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    plain = replace(volume, voxels=voxels, sources=())
    coarse = np.asarray(Resample((0.0, STEP_MM, STEP_MM)).apply(plain).voxels)
    areas = np.asarray(foreground(coarse, volume.unit)).mean(axis=(1, 2))
    areas = areas / max(float(areas.max()), 1e-6)
    shown = np.flatnonzero(areas > _SLIGHT)
    first, last = (int(shown[0]), int(shown[-1]) + 1) if shown.size else (0, len(areas))
    return coarse[first:last], areas[first:last]


def repeats_and_jumps(planes: NDArray[np.float32]) -> tuple[float, float]:
    """Return the least and the greatest step between neighbours, beside the steps around it.

    Parameters
    ----------
    planes : (N, Y, X)
        Along the axis that is looked at.

    Returns
    -------
    repeat : float
        Near 1 in an even stack, 0 where a plane is there twice; 1 where there are too few to tell.
    jump : float
        Near 1 in an even stack, 2 and more where one is missing or out of place.
    """
    if len(planes) < _NEAR + 2:
        return 1.0, 1.0
    ratios = _beside_near(_apart(planes, 1))
    return float(ratios.min()), float(ratios.max())


def order_and_gap(planes: NDArray[np.float32]) -> tuple[float, float]:
    """Return how far a plane is out of its order, and how far two neighbours are too far apart.

    Each plane is held against its own neighbours: one in its place is nearer to either of them than
    these are to each other, and two neighbours are so much nearer to each other than to the next
    but one as others are. Where anatomy ends or begins, such a ratio alone is large now and then,
    and so is a step beside those around it; what is out of its place is both at once, so that their
    products are counted.

    Parameters
    ----------
    planes : (N, Y, X)

    Returns
    -------
    order : float
        Of the plane that is most out of place, its distance to the nearer neighbour beside that of
        the two to each other, and beside the steps around: at most about 1 in an even stack.
    gap : float
        Of the two neighbours that are furthest apart, beside the next but one, over the usual, and
        beside the steps around: near 1 in an even stack. Both are 1 where there are too few planes.
    """
    if len(planes) < _NEAR + 2:
        return 1.0, 1.0
    steps, twos = (np.maximum(_apart(planes, away), 1e-9) for away in (1, 2))
    ratios = _beside_near(steps)
    order = np.minimum(steps[:-1], steps[1:]) / twos * np.minimum(ratios[:-1], ratios[1:])
    gaps = steps[1:-1] / ((twos[:-1] + twos[1:]) / 2)
    return float(order.max()), float((gaps * ratios[1:-1]).max() / np.median(gaps))


def _beside_near(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each step beside the usual one of those around it."""
    ratios = []
    for index, step in enumerate(steps):
        near = np.delete(steps, index)[max(index - _NEAR, 0) : index + _NEAR]
        ratios.append(step / max(float(np.median(near)), 1e-9))
    return np.array(ratios)


def _apart(planes: NDArray[np.float32], away: int) -> NDArray[np.float64]:
    """Return the mean difference of planes that lie so many steps apart."""
    return np.asarray(np.abs(planes[away:] - planes[:-away]).mean(axis=(1, 2)), dtype=np.float64)
