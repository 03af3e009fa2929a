"""A pair that was left out, to look at: one row for each volume, three planes."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from engine.volume import Volume

__all__ = ["draw"]

_SHOWN = (0.01, 0.995)
"""Of the values, what is black and what is white."""
_HU = (-200.0, 400.0)


def draw(path: Path, volumes: Sequence[Volume], title: str) -> None:
    """Write a PNG of volumes on one grid through the middle of it; the last row has them mixed.

    The mixture is a chessboard of the first and the last: what lies in one place goes on from
    square to square.
    """
    mpl.use("agg")
    from matplotlib import pyplot  # here: it takes a second

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [_shown(one) for one in volumes]
    rows.append(_mixed(rows[0], rows[-1]))
    figure, axes = pyplot.subplots(len(rows), 3, figsize=(9, 3 * len(rows) + 0.6), squeeze=False)
    steps = volumes[0].grid.spacing_mm
    for line, voxels in zip(axes, rows, strict=True):
        for axis, (place, one) in enumerate(zip(line, _middles(voxels), strict=True)):
            rest = [step for at, step in enumerate(steps) if at != axis]
            place.imshow(one, cmap="gray", vmin=0, vmax=1, aspect=rest[0] / rest[1])
            place.set_axis_off()
    figure.suptitle(title, fontsize=8, wrap=True)
    figure.tight_layout()
    beside = path.with_suffix(".part")
    figure.savefig(beside, format="png", dpi=80)
    pyplot.close(figure)
    beside.replace(path)


def _middles(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the middle plane along each axis."""
    return [np.take(values, size // 2, axis) for axis, size in enumerate(values.shape)]


def _shown(volume: Volume) -> NDArray[np.float64]:
    voxels = np.asarray(volume.voxels, np.float64)
    low, high = _HU if volume.unit == "HU" else np.quantile(voxels, _SHOWN)
    return np.clip((voxels - low) / max(high - low, 1e-6), 0, 1)


def _mixed(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = [np.arange(size) * 6 // max(size, 1) for size in one.shape]
    z, y, x = np.meshgrid(*squares, indexing="ij")
    return np.where((z + y + x) % 2 == 0, one, other)
