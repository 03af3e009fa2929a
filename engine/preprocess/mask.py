"""Where the body is: voxels that are no air, told by brightness alone."""

import numpy as np

from engine.volume import Array
from engine.xp import namespace, to_numpy

__all__ = ["air_of", "box_of", "foreground", "quantile"]

_BRIGHT, _SHARE = 0.995, 0.10
_AIR_HU, _BODY_HU = -1000.0, -500.0


def air_of(unit: str) -> float:
    """Return what a voxel of air counts: -1000 HU, else 0."""
    return _AIR_HU if unit == "HU" else 0.0


def foreground(x: Array, unit: str = "1") -> Array:
    """Return where there is more than air.

    Parameters
    ----------
    x : (Z, Y, X)
        Values; air is near 0, but near -1000 in HU.
    unit : str
        Of ``x``: Hounsfield units are told from air at -500; anything else where it is brighter
        than a tenth of its bright end (99.5th percentile).

    Shapes
    ------
    return : (Z, Y, X) bool
    """
    return x > (_BODY_HU if unit == "HU" else _SHARE * quantile(x, _BRIGHT))


def quantile(x: Array, share: float) -> float:
    """Return the value below which ``share`` of the voxels of ``x`` lie (nearest rank, no mean)."""
    xp = namespace(x)
    ordered = xp.sort(xp.reshape(x, (-1,)))
    return float(ordered[round(share * (ordered.shape[0] - 1))])


def box_of(mask: Array, *, least: float = 0.005) -> tuple[tuple[int, int], ...]:
    """Return (first, last + 1) of ``mask`` along each axis; the whole axis where it is empty.

    A plane counts when more than ``least`` of it is set: single bright voxels in air do not.
    """
    xp = namespace(mask)
    bounds = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        share = to_numpy(xp.mean(xp.astype(mask, xp.float32), axis=others))
        filled = np.flatnonzero(share > least)
        ends = (int(filled[0]), int(filled[-1]) + 1) if filled.size else (0, mask.shape[axis])
        bounds.append(ends)
    return tuple(bounds)
