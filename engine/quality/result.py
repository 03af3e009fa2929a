"""What can be told of a result by its pixels, beside the source that it was made from."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.quality.holes import eroded
from engine.quality.planes import repeats_and_jumps
from engine.quality.seen import Seen

__all__ = ["PERCENTILES", "cubed", "result_figures", "shares"]

PERCENTILES = (5, 25, 50, 75, 95)
_AXES = ("s", "p", "l")
_BINS = 32
_FAR_MM = 200.0
"""Of contours of which one is empty."""


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
        **_contours(source, made),
        **_values(inside),
        **shares(inside, bands),
        **_planes(source, made),
        **_sameness(source, made),
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


def _contours(source: Seen, made: Seen) -> dict[str, float]:
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
    first, second = (_surface(mask) * steps_mm for mask in (one, other))
    ways = [_nearest(first, second), _nearest(second, first)]
    return float(np.percentile(np.concatenate(ways), 95))


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the indices (N, 3) of voxels of ``mask`` with a neighbour outside of it."""
    return np.argwhere(mask & ~eroded(mask, 1)).astype(np.float64)


def _nearest(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each point's distance to the nearest of ``others``, a thousand points at once."""
    squares = (others**2).sum(axis=1)
    found = []
    for start in range(0, len(points), 1000):
        some = points[start : start + 1000]
        away = (some**2).sum(axis=1)[:, None] - 2 * some @ others.T + squares
        found.append(np.sqrt(np.maximum(away.min(axis=1), 0)))
    return np.concatenate(found)


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


def _sameness(source: Seen, made: Seen) -> dict[str, float]:
    """Return how much source and result tell of each other, and how much more than if turned.

    Mutual information in nats; ``turned`` is that of the best of three mirrored results beside it.
    """
    one, other = source.voxels[source.box], made.voxels[source.box]
    told = _information(one, other)
    mirrored = max(_information(one, np.flip(other, axis)) for axis in range(2))
    return {
        "told": told,
        "told_turned": mirrored / max(told, 1e-6),
        "told_mirrored": _information(one, np.flip(other, 2)) / max(told, 1e-6),
        "unlike": _unlike(one, other, source.body[source.box]),
    }


def _information(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    counts, _, _ = np.histogram2d(_levels(one), _levels(other), bins=_BINS)
    joint = counts / counts.sum()
    apart = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None, :]
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())


def _levels(values: NDArray[np.float32]) -> NDArray[np.float64]:
    low, high = np.percentile(values, (0.5, 99.5))
    return np.clip(values.ravel().astype(np.float64), low, high)


def _unlike(one: NDArray[np.float32], other: NDArray[np.float32], body: NDArray[np.bool_]) -> float:
    """Return the greatest local departure from what the source's brightness says of the result.

    The result is held against its own mean at each brightness of the source; departures are
    averaged over cubes of five voxels and counted in standard deviations of such means.
    """
    levels = _levels(one)
    edges = np.percentile(levels, np.linspace(0, 100, _BINS + 1)[1:-1])
    place = np.searchsorted(edges, levels).reshape(one.shape)
    counts = np.bincount(place.ravel(), minlength=_BINS)
    sums = np.bincount(place.ravel(), weights=other.ravel().astype(np.float64), minlength=_BINS)
    means = sums / np.maximum(counts, 1)
    rest = cubed(other - means[place])
    inner = cubed(body) > 0.99
    if not inner.any():
        return 0.0
    within = rest[inner]
    spread = 1.4826 * float(np.median(np.abs(within - np.median(within))))
    return float(np.abs(within - np.median(within)).max()) / max(spread, 1e-6)


def cubed(volume: NDArray[Any]) -> NDArray[np.float64]:
    """Return means over cubes of five voxels; the rim, where no cube fits, is cut off."""
    values = volume.astype(np.float64)
    for axis in range(3):
        if values.shape[axis] < 5:
            continue
        sums = np.cumsum(values, axis=axis)
        zero = np.zeros_like(np.take(sums, [0], axis=axis))
        sums = np.concatenate([zero, sums], axis=axis)
        count = sums.shape[axis]
        high = np.take(sums, range(5, count), axis=axis)
        low = np.take(sums, range(count - 5), axis=axis)
        values = (high - low) / 5
    return values
