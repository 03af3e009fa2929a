"""How well the bodies of source and result agree."""

import numpy as np
from numpy.typing import NDArray

from engine.quality.holes import away_mm, eroded
from engine.quality.seen import Seen

__all__ = ["contours"]

_FAR_MM = 200.0
"""Of contours of which one is empty."""


def contours(source: Seen, made: Seen) -> dict[str, float]:
    """Return how well the bodies agree: Dice, 95th percentile of surface distances, shift."""
    one, other = source.body, made.body
    both = int(one.sum()) + int(other.sum())
    figures = {"body_dice": 2 * float((one & other).sum()) / max(both, 1)}
    if not (one.any() and other.any()):
        return {**figures, "body_hd95_mm": _FAR_MM, "shift_mm": _FAR_MM}
    steps = source.steps_mm
    centres = [np.argwhere(mask).mean(axis=0) * steps for mask in (one, other)]
    return {
        **figures,
        "body_hd95_mm": _surface_distance(one, other, steps),
        "shift_mm": float(np.linalg.norm(centres[0] - centres[1])),
    }


def _surface_distance(
    one: NDArray[np.bool_], other: NDArray[np.bool_], steps_mm: NDArray[np.float64]
) -> float:
    """Return the 95th percentile of distances from either surface to the other, in mm."""
    first, second = (mask & ~eroded(mask, 1) for mask in (one, other))
    ways = [away_mm(second, steps_mm)[first], away_mm(first, steps_mm)[second]]
    return float(np.percentile(np.concatenate(ways), 95))
