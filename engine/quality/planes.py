"""How a volume changes from plane to plane: evenly, if nothing was lost, doubled or mixed up."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["order_and_gap", "repeats_and_jumps"]

_NEAR = 3
"""Steps on either side that one step is held against."""


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
    steps = np.abs(np.diff(planes, axis=0)).mean(axis=(1, 2))
    ratios = []
    for index, step in enumerate(steps):
        near = np.delete(steps, index)[max(index - _NEAR, 0) : index + _NEAR]
        ratios.append(step / max(float(np.median(near)), 1e-9))
    return float(min(ratios)), float(max(ratios))


def order_and_gap(planes: NDArray[np.float32]) -> tuple[float, float]:
    """Return how far a plane is out of its order, and how far two neighbours are too far apart.

    Each plane is held against its own neighbours, and what changes along the stack does not count:
    a plane in its place is nearer to either neighbour than these are to each other, and two
    neighbours are so much nearer to each other than to the next but one as others are.

    Parameters
    ----------
    planes : (N, Y, X)

    Returns
    -------
    order : float
        Of the plane that is most out of place, its distance to the nearer neighbour beside that of
        the two to each other: at most about 1 in an even stack.
    gap : float
        Of the two neighbours that are furthest apart, beside the next but one, over the usual: 1 in
        an even stack. Both are 1 where there are too few planes to tell.
    """
    if len(planes) < _NEAR + 2:
        return 1.0, 1.0
    steps, twos = (_apart(planes, away) for away in (1, 2))
    order = np.minimum(steps[:-1], steps[1:]) / np.maximum(twos, 1e-9)
    gaps = steps[1:-1] / np.maximum((twos[:-1] + twos[1:]) / 2, 1e-9)
    return float(order.max()), float(gaps.max()) / max(float(np.median(gaps)), 1e-9)


def _apart(planes: NDArray[np.float32], away: int) -> NDArray[np.float64]:
    """Return the mean difference of planes that lie so many steps apart."""
    return np.asarray(np.abs(planes[away:] - planes[:-away]).mean(axis=(1, 2)), dtype=np.float64)
