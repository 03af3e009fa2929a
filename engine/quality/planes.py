"""How a volume changes from plane to plane: evenly, if nothing was lost, doubled or mixed up."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["repeats_and_jumps"]

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
