"""What needs no network: brightness alone, the source itself, the steps with nothing between.

A look-up table of brightness costs nothing, and a network must beat it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import Chain, Normalise, Window
from engine.volume import Volume
from train.config import Preparation
from train.data import truth_of
from train.pair import Pair

__all__ = ["Brightness", "Histogram", "LookUp", "copies", "registered", "there_and_back"]

Floats = NDArray[np.float32]

_STEPS = 4096
"""Values of the truth that are told apart within the window, where it has no unit of its own."""
_LEVELS = {1: 128, 2: 64}
_FEW = 16
"""Levels of each source where there are three or more: a table of all together stays small."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """How bright a voxel is among those of its scan, as the model's own steps see it.

    Parameters
    ----------
    high, headroom : float
        What normalises MR: a share of the body's voxels, and the room above what they lie below.
    fixed : (low, high)
        The window of Hounsfield units.
    levels : int
        How many are told apart.
    """

    high: float
    headroom: float
    fixed: tuple[float, float]
    levels: int

    @classmethod
    def of(cls, steps: Sequence[Mapping[str, Any]], sources: int) -> Self:
        """Return what ``steps`` use, or the usual where they have no such step."""
        by_name = {str(step["step"]): step for step in steps}
        scaled = by_name.get("normalise", {"high": 0.995})
        window = by_name.get("window", {"low": -1000.0, "high": 2000.0})
        return cls(
            high=float(scaled["high"]),
            headroom=float(scaled.get("headroom", 1.0)),
            fixed=(float(window["low"]), float(window["high"])),
            levels=_LEVELS.get(sources, _FEW),
        )

    def level(self, source: Volume) -> NDArray[np.int64]:
        """Return the level of each voxel: (Z, Y, X)."""
        if source.unit == "HU":
            bright = Window(*self.fixed).apply(source.voxels)
        else:
            step = Normalise(self.high, headroom=self.headroom).fit(source)
            bright = step.apply(source).voxels
        level = np.minimum((bright + 1) / 2 * self.levels, self.levels - 1)
        return np.asarray(level, dtype=np.int64)

    def cell(self, sources: Sequence[Volume]) -> NDArray[np.int64]:
        """Return the place in the table of all levels together: (Z, Y, X)."""
        cell = self.level(sources[0])
        for source in sources[1:]:
            cell = cell * self.levels + self.level(source)
        return cell


class Histogram:
    """Counts of the truth by level, over the foregrounds that are added.

    Bins are of 1 HU or less, around whole Hounsfield units where the window begins with one; of
    anything else a 4096th of the window. They go on for a third beyond the window.
    """

    def __init__(self, preparation: Preparation, sources: int) -> None:
        low, high = preparation.window
        self.bright = Brightness.of(preparation.steps, sources)
        self.step = min(1.0, high - low) if preparation.unit == "HU" else (high - low) / _STEPS
        self.first = low - self.step / 2  # the first bin is around the window's low end
        self.sources = sources
        self.bins = ceil(4 / 3 * (high - low) / self.step) + 1
        self.counts = np.zeros((self.bright.levels**sources, self.bins), np.uint32)

    def add(self, sources: Sequence[Volume], truth: Volume, inside: NDArray[np.bool_]) -> None:
        """Count one scan, its sources :func:`registered`."""
        cell = self.bright.cell(sources)[inside]
        value = np.clip((truth.voxels[inside] - self.first) / self.step, 0, self.bins - 1)
        place = cell * self.bins + value.astype(np.int64)
        seen, times = np.unique(place, return_counts=True)
        self.counts.reshape(-1)[seen] += times.astype(np.uint32)

    def median(self, counts: NDArray[np.integer[Any]]) -> float:
        """Return the middle of the bin in which the median of one row lies."""
        upto = np.cumsum(counts, dtype=np.int64)
        return float(self.first + (np.searchsorted(upto, upto[-1] / 2) + 0.5) * self.step)

    def near(self, cell: int) -> NDArray[np.integer[Any]]:
        """Return the counts of a cell and of those one level away in any of the sources."""
        shape = (self.bright.levels,) * self.sources
        at = (int(level) for level in np.unravel_index(cell, shape))
        spans = (range(max(0, i - 1), min(n, i + 2)) for i, n in zip(at, shape, strict=True))
        cells = np.ravel_multi_index(tuple(np.array(list(product(*spans))).T), shape)
        return np.asarray(self.counts[cells].sum(axis=0))


@dataclass(frozen=True, eq=False, slots=True)
class LookUp:
    """The best that brightness alone can tell: the median truth of each level.

    No function of a voxel's brightness, in all sources together, has a smaller mean absolute error
    on the voxels that were counted, but for the width of the levels and of the histogram's bins.
    That holds of sources that lie on each other: see :func:`registered`.

    Parameters
    ----------
    bright : Brightness
        How levels are told.
    table : (levels ** K,)
        Truth per level, in its unit.
    constant : float
        Median of the whole foreground.
    """

    bright: Brightness
    table: Floats
    constant: float

    @classmethod
    def fit(cls, counted: Histogram) -> Self:
        """Take medians; a level that nobody had is told by its neighbours, or else by all."""
        constant = counted.median(counted.counts.sum(axis=0))

        def told() -> Iterator[float]:
            for cell, row in enumerate(counted.counts):
                known = row if row.any() else counted.near(cell)
                yield counted.median(known) if known.any() else constant

        return cls(counted.bright, np.fromiter(told(), np.float32), constant)

    def __call__(self, sources: Sequence[Volume]) -> Floats:
        """Return the truth to expect by brightness, of registered sources: (Z, Y, X)."""
        return np.asarray(self.table[self.bright.cell(sources)])


def registered(pair: Pair, preparation: Preparation) -> Pair:
    """Return the pair with its sources where the model's steps register them; else as it is.

    Nothing else is done to them. A source that lies beside another would be no fair input: the
    model does not see it so either.

    Raises
    ------
    InputRefused
        When they do not show the same.
    """
    steps = [step for step in preparation.steps if step["step"] == "register"]
    if not steps or len(pair.sources) == 1:
        return pair
    return replace(pair, sources=Chain.of(steps).apply(pair.sources)[0])


def copies(pair: Pair, preparation: Preparation) -> list[Volume]:
    """Return each source as if it were the result, scaled as the truth is; none where units differ.

    That is what a patient has without a model.
    """
    if pair.sources[0].unit != pair.target.unit:
        return []
    return [truth_of(replace(pair, target=source), preparation) for source in pair.sources]


def there_and_back(pair: Pair, preparation: Preparation, chain: Chain) -> NDArray[np.float32]:
    """Return the truth as it comes home when the network changes nothing.

    It is brought to the network's grid as a target is to learn from, cut to the window that the
    network's range stands for, and taken back to the source's grid as a result is.

    Parameters
    ----------
    pair : Pair
        Its sources on one grid: registered, where the model's steps register them.
    chain : Chain
        The model's steps; registration is left out of them.

    Shapes
    ------
    return : (Z, Y, X), in the truth's unit

    Raises
    ------
    DataInvalid, InputRefused
        When the truth is dark, or as the chain itself.
    """
    steps = tuple(step for step in chain.spec if step["step"] != "register")
    _, trace = replace(chain, spec=steps).apply(pair.sources)
    there = trace.follow(truth_of(pair, preparation), outside=preparation.outside)
    kept = np.clip(np.asarray(there.voxels), *preparation.window)
    back = trace.undo(there.with_voxels(kept), outside=preparation.outside)
    return np.asarray(back.voxels)
