"""Figures of what goes in and of what comes out, all by name."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import air_of, resample_onto
from engine.quality.likeness import Likeness, grain_of, picture_of
from engine.quality.result import cubed, result_figures, slice_figures
from engine.quality.seen import Seen
from engine.quality.source import source_figures
from engine.volume import Volume

__all__ = ["compare", "measure_result", "measure_source"]

_MOSTLY = 0.99
"""Of a cube that lies within the body."""


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
    likes = likeness.figures(picture_of(seen), grain_of(volume))
    return {**source_figures(volume, seen), **likes}


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
    return {
        **compare(Seen.of(source), Seen.of(made), Seen.of(again), bands),
        **slice_figures(made),
    }


def compare(source: Seen, made: Seen, again: Seen, bands: Sequence[float]) -> dict[str, float]:
    """Return the figures of one result beside its source; see :func:`measure_result`.

    A result on a grid of its own is held against its source where that sees.
    """
    if not source.volume.grid.same_as(made.volume.grid):
        source, inside = _onto(source, made)
        again, _ = _onto(again, made)
        air = np.float32(air_of(made.volume.unit))
        made = Seen(made.volume.with_voxels(np.where(inside, made.voxels, air)))
    figures = result_figures(source, made, bands)
    apart = made.voxels - again.voxels
    within = np.abs(apart[source.body])
    return {
        **figures,
        "disagreement": float(np.median(within)) if within.size else np.inf,
        "disagreement_most": float(
            np.abs(cubed(apart)[cubed(source.body) > _MOSTLY]).max(initial=0)
        ),
    }


def _onto(seen: Seen, other: Seen) -> tuple[Seen, NDArray[np.bool_]]:
    """Return what was seen where ``other`` lies, and which of its voxels that is."""
    air = air_of(seen.volume.unit)
    volume, inside = resample_onto(
        seen.volume, other.volume.grid, seen=seen.volume.grid, outside=air
    )
    return Seen(volume), np.asarray(inside)
