"""Figures of what goes in and of what comes out, all by name."""

from collections.abc import Sequence

import numpy as np

from engine.preprocess import air_of, resample_onto
from engine.quality.likeness import Likeness, picture_of
from engine.quality.result import result_figures
from engine.quality.seen import Seen
from engine.quality.source import source_figures
from engine.volume import Volume

__all__ = ["compare", "measure_result", "measure_source"]


def measure_source(volume: Volume, likeness: Likeness) -> dict[str, float]:
    """Return all figures of one source.

    Parameters
    ----------
    volume : Volume
        As it was acquired; NumPy voxels.
    likeness : Likeness
        What the model learned such a source from.
    """
    seen = Seen.of(volume)
    return {**source_figures(volume, seen), **likeness.figures(picture_of(seen))}


def measure_result(
    source: Volume, made: Volume, again: Volume, bands: Sequence[float]
) -> dict[str, float]:
    """Return all figures of one result.

    Parameters
    ----------
    source : Volume
        The first, as it was acquired.
    made : Volume
        The result, on whatever grid; NumPy voxels.
    again : Volume
        The result of the mirrored sources, brought back to this side.
    bands : sequence of float
        Values of the result, rising, between which shares of the body are counted.
    """
    return compare(Seen.of(source), Seen.of(made), Seen.of(again), bands)


def compare(source: Seen, made: Seen, again: Seen, bands: Sequence[float]) -> dict[str, float]:
    """Return all figures of one result; see :func:`measure_result`."""
    beside, other = _onto(source, made), _onto(again, made)
    figures = result_figures(beside, made, bands)
    apart = np.abs(made.voxels - other.voxels)[beside.body]
    if not apart.size:  # nothing to agree on
        return {**figures, "disagreement": np.inf, "disagreement_most": np.inf}
    return {
        **figures,
        "disagreement": float(np.median(apart)),
        "disagreement_most": float(np.percentile(apart, 99.5)),
    }


def _onto(seen: Seen, other: Seen) -> Seen:
    """Return what was seen where ``other`` lies: a result may have a grid of its own."""
    if seen.volume.grid.same_as(other.volume.grid):
        return seen
    air = air_of(seen.volume.unit)
    volume, _ = resample_onto(seen.volume, other.volume.grid, seen=seen.volume.grid, outside=air)
    return Seen(volume)
