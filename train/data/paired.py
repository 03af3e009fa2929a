"""Slices of prepared pairs, brought through the very steps that a bundle declares."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.preprocess import Chain, Window
from train.data.augment import Augment
from train.data.index import Entry
from train.errors import DataInvalid
from train.pair import read_pair

__all__ = ["Batch", "PairedSlices", "Prepared"]


@dataclass(frozen=True, eq=False, slots=True)
class Batch:
    """Slices as networks take them.

    Shapes
    ------
    source, target : (B, 1, H, W), in [-1, 1], the same place in both
    """

    source: torch.Tensor
    target: torch.Tensor

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        return Batch(self.source.to(device), self.target.to(device))


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """One pair after the chain: (Z, H, W) each, in [-1, 1], half precision to save memory."""

    source: NDArray[np.float16]
    target: NDArray[np.float16]


class PairedSlices:
    """All slices of some subjects, in memory.

    The target follows the source through the same orientation, resampling and box
    (:meth:`engine.preprocess.Trace.follow`), so what is learned is what is served.

    Parameters
    ----------
    entries : sequence of Entry
        The pairs.
    steps : sequence of mapping
        The chain, as the bundle will hold it.
    window : Window
        Of the target, onto [-1, 1].
    outside : float
        What fills the target beyond its field of view, in its unit.

    Raises
    ------
    DataInvalid
        When there is no pair.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        steps: Sequence[Mapping[str, Any]],
        window: Window,
        *,
        outside: float,
    ) -> None:
        if not entries:
            raise DataInvalid("no pair to learn from in this part of the split")
        chain = Chain.of(steps)
        prepare = partial(_prepared, chain=chain, window=window, outside=outside)
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            self.pairs = list(pool.map(prepare, entries))

    def __len__(self) -> int:
        return sum(pair.source.shape[0] for pair in self.pairs)

    def draw(self, step: int, *, seed: int, size: int, augment: Augment) -> Batch:
        """Return the batch of ``step``: it follows from the seed and the step alone.

        Slices of a batch come from one scan, so they have one size. Nothing has to be remembered
        for learning to go on where it stopped.
        """
        rng = np.random.default_rng([seed, step])
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        slices = rng.integers(pair.source.shape[0], size=size)
        change = augment.draw(rng)
        source = change.of_source(pair.source[slices].astype(np.float32))
        target = change.of_target(pair.target[slices].astype(np.float32))
        return Batch(_tensor(source), _tensor(target))

    def whole(self, index: int) -> Batch:
        """Return every slice of pair ``index``, unchanged."""
        pair = self.pairs[index]
        return Batch(
            _tensor(pair.source.astype(np.float32)), _tensor(pair.target.astype(np.float32))
        )


def _prepared(entry: Entry, chain: Chain, window: Window, outside: float) -> Prepared:
    pair = read_pair(entry.path)
    source, trace = chain.apply(pair.source)
    target = window.apply(trace.follow(pair.target, outside=outside).voxels)
    return Prepared(source.voxels.astype(np.float16), target.astype(np.float16))


def _tensor(slices: NDArray[np.float32]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(slices))[:, None]
