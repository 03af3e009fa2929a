"""Prepared pairs to draw batches from: slices or tiles of them, patches or whole volumes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from train.config import Learning
from train.data.augment import Augment, Floats, Span
from train.data.batch import Batch
from train.data.prepared import Prepared
from train.errors import DataInvalid

__all__ = ["Look", "Pool"]

_LOOKS = {"slices": 16, "tiles": 16, "patches": 4, "volumes": 4}
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """One sample that is looked at the same way every time, unchanged.

    Shapes
    ------
    source : (1, K, ...)
    target : (1, 1, ...)
    inside : (1, 1, ...) bool, the foreground
    """

    source: torch.Tensor
    target: torch.Tensor
    inside: torch.Tensor


class Pool:
    """Prepared pairs, and how batches are drawn from them.

    Parameters
    ----------
    pairs : sequence of Prepared
        At least one; of two subjects at least where ``learning.paired`` is False.
    learning : Learning
        What is drawn, how many at once, and how they are changed.
    span : (low, high)
        The range of the sources.

    Raises
    ------
    DataInvalid
        When unpaired sets want a second subject.
    """

    def __init__(self, pairs: Sequence[Prepared], learning: Learning, span: Span) -> None:
        self.learning, self.span = learning, span
        self.pairs = [pair.grown(learning.patch) for pair in pairs] if self._parts else list(pairs)
        self.augment = Augment.of(learning.augment)
        if not learning.paired and len({pair.subject for pair in self.pairs}) < 2:
            text = "unpaired sets are of one subject; sources and targets of two or more are wanted"
            raise DataInvalid(f"{text}: prepare more or set paired = true")

    def draw(self, step: int) -> Batch:
        """Return the batch of ``step``: it follows from the seed and the step alone.

        Slices of a batch come from one scan, so they have one size; tiles, patches and volumes from
        a scan each. Nothing has to be remembered for learning to go on where it stopped.

        Raises
        ------
        DataInvalid
            When volumes of one batch differ in size.
        """
        learned, rng = self.learning, np.random.default_rng([self.learning.seed, step])
        sources: list[Floats] = []
        targets: list[Floats] = []
        pair, other = self._two(rng)
        for _ in range(learned.batch):
            if learned.draw != "slices":
                pair, other = self._two(rng)
            box = self._box(rng, pair)
            beside = box if pair is other else self._box(rng, other)
            change = self.augment.draw(rng, channels=len(pair.source), axes=self._axes)
            sources.append(change.of_source(self._cut(pair.source, box), self.span))
            targets.append(change.of_target(self._cut(other.target[None], beside)))
        return Batch(_stacked(sources), _stacked(targets))

    def looks(self) -> tuple[Look, ...]:
        """Return a few samples spread over all pairs, each in the midst of the body."""
        count = _LOOKS[self.learning.draw]
        count = min(count, len(self.pairs)) if self.learning.draw == "volumes" else count
        found = []
        for index in range(count):
            pair = self.pairs[index * len(self.pairs) // count]
            spread = (5 * index % 16 + 0.5) / 16  # neighbours far apart, whoever is shown of them
            box = self._around(pair, pair.voxel(spread))
            parts = (pair.source, pair.target[None], pair.inside[None])
            found.append(Look(*(_tensor(self._cut(part, box))[None] for part in parts)))
        return tuple(found)

    @property
    def _axes(self) -> int:
        return 2 if self.learning.draw in ("slices", "tiles") else 3

    @property
    def _parts(self) -> bool:
        """Whether what is drawn has the size that the recipe gives it."""
        return self.learning.draw in ("patches", "tiles")

    def _two(self, rng: np.random.Generator) -> tuple[Prepared, Prepared]:
        """Draw the scan of the sources and that of the targets: the same, or another subject's."""
        pair = self.pairs[int(rng.integers(len(self.pairs)))]
        if self.learning.paired:
            return pair, pair
        others = [one for one in self.pairs if one.subject != pair.subject]
        return pair, others[int(rng.integers(len(others)))]

    def _box(self, rng: np.random.Generator, pair: Prepared) -> Box:
        """Draw where to cut: any slice, or a part around any voxel of the body."""
        if self._parts:
            return self._around(pair, pair.voxel(rng.uniform()))
        if self.learning.draw == "slices":
            return self._around(pair, (int(rng.integers(pair.target.shape[0])), 0, 0))
        return self._around(pair, (0, 0, 0))

    def _around(self, pair: Prepared, voxel: tuple[int, int, int]) -> Box:
        """Return the slice through ``voxel``, the part around it, or the whole volume."""
        shape = pair.target.shape
        whole = (1, *shape[1:]) if self.learning.draw == "slices" else shape
        sizes = self.learning.patch if self._parts else whole
        starts = [
            min(max(0, at - size // 2), side - size)
            for at, size, side in zip(voxel, sizes, shape, strict=True)
        ]
        z, y, x = (slice(at, at + size) for at, size in zip(starts, sizes, strict=True))
        return z, y, x

    def _cut(self, x: NDArray[np.generic], box: Box) -> Floats:
        """Return (K, H, W) or (K, D, H, W) of (K, Z, Y, X)."""
        cut = x[(slice(None), *box)].astype(np.float32)
        return cut[:, 0] if self._axes == 2 else cut


def _stacked(samples: Sequence[Floats]) -> torch.Tensor:
    shapes = sorted({sample.shape[1:] for sample in samples})
    if len(shapes) > 1:
        text = f"volumes of one batch differ in size: {shapes[0]} and {shapes[-1]}"
        raise DataInvalid(f"{text}; bring them to one by [preparation] or set batch = 1")
    return torch.stack([_tensor(sample) for sample in samples])


def _tensor(x: Floats) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x))
