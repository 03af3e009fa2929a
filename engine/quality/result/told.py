"""What source and result tell of each other: how much, in which place, and on which side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.quality.seen import Seen

__all__ = ["cubed", "told"]

_BINS = 32
_REACH_MM = 18.0
"""So far a result is moved to see where it tells most."""
_FEWEST = 5
"""Planes that tell where a result lies along an axis."""
_LEAST = 2
"""Voxels to both sides: with fewer there is no peak to be seen between them."""


def told(source: Seen, made: Seen) -> dict[str, float]:
    """Return what source and result tell of each other, and how much more than if turned or moved.

    Mutual information in nats; ``told_turned`` is that of the best of two mirrored results beside
    it, ``told_mirrored`` that with left for right.

    Parameters
    ----------
    source, made : Seen
        On one small grid.
    """
    one, other = source.voxels[source.box], made.voxels[source.box]
    body = source.body[source.box]
    ours, theirs = _places(one), _places(other)
    here = _information(ours, theirs)
    most = max(here, 1e-6)
    turned = [_information(ours, np.flip(theirs, axis)) for axis in range(3)]
    expected = _expected(one, other)
    return {
        "told": here,
        "told_turned": max(turned[:2]) / most,
        "told_mirrored": turned[2] / most,
        "offset_mm": _offset_mm(source, made),
        "sided": _sided(expected, other, body),
        "unlike": _unlike(other - expected, body),
    }


def _places(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return the bin of each value; those at the two ends hold what lies beyond."""
    low, high = np.percentile(values, (0.5, 99.5))
    scaled = (values.astype(np.float64) - low) * (_BINS / max(float(high - low), 1e-9))
    return np.asarray(np.clip(scaled, 0, _BINS - 1), dtype=np.int64)


def _information(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    counts = np.bincount((one * _BINS + other).ravel(), minlength=_BINS**2)
    joint = counts.reshape(_BINS, _BINS) / counts.sum()
    apart = joint.sum(axis=1)[:, None] * joint.sum(axis=0)[None, :]
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())


def _offset_mm(source: Seen, made: Seen) -> float:
    """Return how far a result has to be moved to tell most of its source.

    It is moved along one axis after another, less far along one that has few planes; the same part
    of the source is looked at each time. Along one that has too few to tell, it may lie anywhere
    within reach, and counts as if it lay furthest off.
    """
    ours, theirs = _places(source.voxels), _places(made.voxels)
    offsets = np.zeros(3)
    for axis, step in enumerate(source.steps_mm):
        reach, first, last = _range(ours.shape[axis], source.box[axis], round(_REACH_MM / step))
        if not reach:
            offsets[axis] = _REACH_MM
            continue
        where = [*source.box]
        where[axis] = slice(first, last)
        here = ours[tuple(where)]
        found = []
        for by in range(-reach, reach + 1):
            where[axis] = slice(first + by, last + by)
            found.append(_information(here, theirs[tuple(where)]))
        offsets[axis] = (_peak(found) - reach) * step
    return float(np.linalg.norm(offsets))


def _range(size: int, part: slice, most: int) -> tuple[int, int, int]:
    """Return how far to move along an axis, and which planes are looked at; 0: too few to tell."""
    for reach in range(most, _LEAST - 1, -1):
        first, last = max(part.start, reach), min(part.stop, size - reach)
        if last - first >= _FEWEST:
            return reach, first, last
    return 0, 0, 0


def _peak(heights: list[float]) -> float:
    """Return where the greatest of ``heights`` lies, by the parabola through its neighbours."""
    top = int(np.argmax(heights))
    if not 0 < top < len(heights) - 1:
        return float(top)
    before, here, after = heights[top - 1 : top + 2]
    bend = before - 2 * here + after
    return top + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _expected(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return, for each voxel, the result's own mean at that brightness of the source."""
    edges = np.percentile(one, np.linspace(0, 100, _BINS + 1)[1:-1])
    places = np.searchsorted(edges, one)
    counts = np.bincount(places.ravel(), minlength=_BINS)
    sums = np.bincount(places.ravel(), weights=other.ravel().astype(np.float64), minlength=_BINS)
    return np.asarray((sums / np.maximum(counts, 1))[places])


def _sided(
    expected: NDArray[np.float64], other: NDArray[np.float32], body: NDArray[np.bool_]
) -> float:
    """Return how well the differences of left and right agree: -1 where sides are exchanged."""
    both = body & np.flip(body, 2)
    if not both.any():
        return 0.0
    one, two = ((values - np.flip(values, 2))[both] for values in (expected, other))
    length = float(np.linalg.norm(one)) * float(np.linalg.norm(two))
    return float(one @ two) / length if length > 0 else 0.0


def _unlike(rest: NDArray[np.float64], body: NDArray[np.bool_]) -> float:
    """Return the greatest local departure from what the source's brightness says of the result.

    Departures are averaged over cubes of five voxels and counted in standard deviations of such
    means.
    """
    inner = cubed(body) > 0.99
    if not inner.any():
        return 0.0
    within = cubed(rest)[inner]
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
