"""What can be told of a result by its pixels, beside the source that it was made from."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.quality.planes import order_and_gap, own_slices, repeats_and_jumps
from engine.quality.result.contours import contours
from engine.quality.result.told import told
from engine.quality.seen import Seen
from engine.volume import Volume

__all__ = ["PERCENTILES", "result_figures", "shares", "slice_figures"]

PERCENTILES = (5, 25, 50, 75, 95)
_AXES = ("s", "p", "l")


def result_figures(source: Seen, made: Seen, bands: Sequence[float]) -> dict[str, float]:
    """Return figures of a result, by name.

    Parameters
    ----------
    source, made : Seen
        On one small grid.
    bands : sequence of float
        Values of the result, rising, between which shares of the body are counted.
    """
    inside = made.voxels[source.body]
    return {
        **contours(source, made),
        **_values(inside),
        **shares(inside, bands),
        **_planes(source, made),
        **told(source, made),
    }


def _values(inside: NDArray[np.float32]) -> dict[str, float]:
    if not inside.size:
        return {f"p{share:02d}": 0.0 for share in PERCENTILES}
    found = np.percentile(inside, PERCENTILES)
    return {f"p{share:02d}": float(one) for share, one in zip(PERCENTILES, found, strict=True)}


def shares(inside: NDArray[np.float32], bands: Sequence[float]) -> dict[str, float]:
    """Return which share of the body's values lies in each band, the lowest first."""
    edges = (-np.inf, *bands, np.inf)
    counts = [
        ((inside >= low) & (inside < high)).mean() if inside.size else 0.0
        for low, high in pairwise(edges)
    ]
    return {f"share_{number}": float(one) for number, one in enumerate(counts)}


def slice_figures(made: Volume) -> dict[str, float]:
    """Return figures of a result's own slices: thin ones are lost where all is seen coarsely.

    Parameters
    ----------
    made : Volume
        The result, on whatever grid; NumPy voxels.
    """
    slices, _ = own_slices(made)
    order, gap = order_and_gap(slices)
    return {
        "result_slice_repeat": repeats_and_jumps(slices)[0],
        "result_slice_order": order,
        "result_slice_gap": gap,
        "result_slice_rough": _rough(slices),
    }


def _planes(source: Seen, made: Seen) -> dict[str, float]:
    """Return jumps between neighbouring planes along each axis, beside the source's own there."""
    figures = {}
    z, y, x = source.box
    for axis, name in enumerate(_AXES):
        planes = np.moveaxis(made.voxels[z, y, x], axis, 0)
        repeat, jump = repeats_and_jumps(planes)
        figures[f"seam_{name}"] = jump
        figures[f"repeat_{name}"] = repeat
        figures[f"rough_{name}"] = _rough(planes)
    return figures


def _rough(planes: NDArray[np.float32]) -> float:
    """Return the roughest plane beside the usual one: a slab of noise stands out."""
    if len(planes) < 3 or min(planes.shape[1:]) < 3:
        return 1.0
    rows = planes[:, :-2] - 2 * planes[:, 1:-1] + planes[:, 2:]
    twice = np.abs(rows[:, :, :-2] - 2 * rows[:, :, 1:-1] + rows[:, :, 2:])
    levels = twice.mean(axis=(1, 2))
    return float(levels.max()) / max(float(np.median(levels)), 1e-6)
