"""The grain of a source: how its fine roughness is spread over the body, in its own pixels.

Coarse pictures of drawn heads and of people's are alike; their grain is not. In what a phantom
draws much of the body is flat but for noise, in a person nearly nothing is. Roughness is the
standard deviation of three by three pixels of a slice. The grain is the steps between its
percentiles over the body, as ratios, so that brightness does not count.

References
----------
Mahalanobis 1936, On the generalised distance in statistics, Proc. Natl. Inst. Sci. India 2:49.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import foreground
from engine.quality.holes import eroded
from engine.volume import Volume

__all__ = ["STEPS", "Grain", "grain_of"]

_PERCENTILES = (2, 10, 25, 50, 75, 90, 98)
STEPS = len(_PERCENTILES) - 1
_PLANES = 32
"""At most so many slices are looked at, evenly."""
_RIM = 3
"""Pixels at the body's edge that do not count."""
_TINY = 1e-4
"""Of the bright end: what is smoother has no grain that its scanner's steps would show."""
_SHRINK = 0.05


def grain_of(volume: Volume) -> NDArray[np.float32]:
    """Return the grain of a volume as it was acquired, NumPy voxels: (STEPS,).

    It is the same for every volume in which no pixel lies far enough within the body.
    """
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    body = np.asarray(foreground(voxels, volume.unit))
    shown = np.flatnonzero(body.any(axis=(1, 2)))
    chosen = shown[:: -(-len(shown) // _PLANES)] if len(shown) else shown
    found = [_roughness(voxels[index])[eroded(body[index], _RIM)] for index in chosen]
    rough = np.concatenate(found) if found else np.zeros(0)
    if not rough.size:
        return np.zeros(STEPS, dtype=np.float32)
    bright = float(np.percentile(np.abs(voxels[body]), 95))
    levels = np.maximum(np.percentile(rough, _PERCENTILES), _TINY * max(bright, 1e-6))
    return np.asarray(np.log(np.maximum(np.diff(np.log(levels)), 1e-2)), dtype=np.float32)


def _roughness(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the standard deviation of each pixel with its eight neighbours; edges repeat."""
    padded = np.pad(plane.astype(np.float64), 1, mode="edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    return np.asarray(around.std(axis=(2, 3)))


@dataclass(frozen=True, eq=False, slots=True)
class Grain:
    """The grain that is usual.

    Parameters
    ----------
    middle : (STEPS,) float32
    inverse : (STEPS, STEPS) float32
        Of the covariance around it.
    """

    middle: NDArray[np.float32]
    inverse: NDArray[np.float32]

    @classmethod
    def fit(cls, grains: NDArray[np.float32]) -> Self:
        """Return the middle and the spread of ``grains`` (N, STEPS), its correlations shrunk."""
        middle = np.median(grains, axis=0).astype(np.float64)
        spread = np.maximum(grains.std(axis=0), 1e-3).astype(np.float64)
        away = (grains - middle) / spread
        together = (1 - _SHRINK) * away.T @ away / len(grains) + _SHRINK * np.eye(STEPS)
        inverse = np.linalg.inv(together) / np.outer(spread, spread)
        return cls(middle.astype(np.float32), inverse.astype(np.float32))

    def distance(self, grain: NDArray[np.float32]) -> float:
        """Return how far a grain (STEPS,) is from the usual one: about 1 where it is usual."""
        away = (grain - self.middle).astype(np.float64)
        square = float(away @ self.inverse @ away)
        return float(np.sqrt(max(square, 0.0) / STEPS))
