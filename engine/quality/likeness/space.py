"""How like what the model learned from a source is: its place in a space of coarse pictures.

A source is cut to its body's box and averaged into a few blocks, whatever its size, so that place
and spacing do not count and shape, contrast and orientation do. Held-out subjects span a space of
such pictures; a source is as far from them as it lies within that space, and as it lies outside.

Subjects differ by more than one of them does from itself upside down, so which way round a source
is, and whether its bright is dark, is asked apart: see :mod:`engine.quality.likeness.ways`.

References
----------
Moghaddam and Pentland 1997, Probabilistic visual learning for object representation, IEEE TPAMI 19:
the distance in feature space and the distance from feature space.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.preprocess import along_axis, axis_weights
from engine.quality.likeness.grain import STEPS, Grain
from engine.quality.likeness.ways import BLOCKS, WAYS, Ways
from engine.quality.seen import Seen

__all__ = ["Likeness", "picture_of"]

_BRIGHT = 99.0
_HU = 1000.0


def picture_of(seen: Seen) -> NDArray[np.float32]:
    """Return the coarse picture of a source, flat: (BLOCKS³,)."""
    part = np.ascontiguousarray(seen.voxels[seen.box])
    for axis in range(3):
        ratio = part.shape[axis] / BLOCKS
        weights = axis_weights(part.shape[axis], BLOCKS, ratio, (ratio - 1) / 2)
        part = along_axis(part, axis, weights)
    scale = _HU if seen.volume.unit == "HU" else max(float(np.percentile(part, _BRIGHT)), 1e-6)
    return np.asarray(part / scale, dtype=np.float32).ravel()


@dataclass(frozen=True, eq=False, slots=True)
class Likeness:
    """The space of pictures.

    Parameters
    ----------
    mean : (P,) float32
    axes : (K, P) float32
        Orthonormal, the most telling first.
    spreads : (K,) float32
        Standard deviations along them.
    rest : float
        Root mean square of what the axes leave of a picture that they were not drawn from.
    ways : Ways
        What tells a picture from itself the wrong way round.
    grain : Grain
        What is usual of it.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    spreads: NDArray[np.float32]
    rest: float
    ways: Ways
    grain: Grain

    @classmethod
    def fit(cls, pictures: NDArray[np.float32], grains: NDArray[np.float32], rank: int) -> Self:
        """Return the space that ``pictures`` (N, P) span with ``rank`` axes, and their grain's."""
        mean = pictures.mean(axis=0)
        _, sizes, axes = np.linalg.svd(pictures - mean, full_matrices=False)
        kept = axes[:rank].astype(np.float32)
        left = (pictures - mean) - (pictures - mean) @ kept.T @ kept
        spreads = sizes[:rank] / np.sqrt(max(len(pictures) - 1, 1))
        return cls(
            mean.astype(np.float32), kept, spreads.astype(np.float32),
            float(np.sqrt((left**2).sum(axis=1).mean())), Ways.fit(pictures),
            Grain.fit(grains),
        )  # fmt: skip

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], where: str) -> Self:
        """Return the space in the arrays of a file.

        Raises
        ------
        SpecError
            When they are none.
        """
        wanted = {"mean", "axes", "spreads", "rest", "weights", "offsets", "grain", "inverse"}
        size = BLOCKS**3
        if set(arrays) != wanted:
            raise SpecError(f"{where} holds {', '.join(sorted(arrays))}; {sorted(wanted)} wanted")
        rank = len(arrays["axes"])
        shapes = {
            "mean": (size,), "axes": (rank, size), "spreads": (rank,), "rest": (1,),
            "weights": (len(WAYS), size), "offsets": (len(WAYS),),
            "grain": (STEPS,), "inverse": (STEPS, STEPS),
        }  # fmt: skip
        for name, shape in shapes.items():
            if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
                text = f"{where}: {name} is {arrays[name].shape}"
                raise SpecError(f"{text}; finite numbers of shape {shape} are wanted")
        if rank == 0 or not (arrays["spreads"] > 0).all() or not arrays["rest"][0] > 0:
            raise SpecError(f"{where}: spreads of more than 0 are wanted")
        ways = Ways(arrays["weights"], arrays["offsets"])
        grain, rest = Grain(arrays["grain"], arrays["inverse"]), float(arrays["rest"][0])
        return cls(arrays["mean"], arrays["axes"], arrays["spreads"], rest, ways, grain)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return what :meth:`of` takes."""
        rest = np.array([self.rest], dtype=np.float32)
        return {
            "mean": self.mean, "axes": self.axes, "spreads": self.spreads, "rest": rest,
            "weights": self.ways.weights, "offsets": self.ways.offsets,
            "grain": self.grain.middle, "inverse": self.grain.inverse,
        }  # fmt: skip

    def figures(self, picture: NDArray[np.float32], grain: NDArray[np.float32]) -> dict[str, float]:
        """Return how far a picture lies within the space and outside of it, its ways, its grain.

        Of the distances 1 is usual.
        """
        away = picture - self.mean
        along = self.axes @ away
        left = away - along @ self.axes
        return {
            "unlike_within": float(np.sqrt(((along / self.spreads) ** 2).mean())),
            "unlike_outside": float(np.sqrt((left**2).sum())) / self.rest,
            **self.ways.figures(picture),
            "unlike_grain": self.grain.distance(grain),
            "grain_spread": float(grain.std()),
        }
