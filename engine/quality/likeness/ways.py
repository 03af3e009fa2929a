"""Which way round a source is, and whether its bright is dark: what no distance tells.

For each wrong way there is a linear discriminant between pictures of held-out subjects and the same
pictures the wrong way: 1 on the right side, -1 on the other. It looks at the ranks of the blocks:
no curve of brightness matters. Ridge regression keeps so many blocks of so few subjects from
fitting chance.

References
----------
Hoerl and Kennard 1970, Ridge regression: biased estimation for nonorthogonal problems,
Technometrics 12:55.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "WAYS", "Ways"]

BLOCKS = 12
"""Of a picture, along each of the patient's axes S, P, L."""
_BODY, _BRIGHT = 0.15, 99.5
_RIDGE = 0.1
"""Of the mean square of a picture about the mean of all."""

Pictures = NDArray[np.float32]


def _turned(*axes: int) -> Callable[[Pictures], Pictures]:
    return lambda cubes: np.flip(cubes, tuple(1 + axis for axis in axes))


def _inverted(cubes: Pictures) -> Pictures:
    """Return bright for dark where there is a body."""
    bright = np.percentile(cubes, _BRIGHT, axis=(1, 2, 3), keepdims=True)
    negative = np.maximum(1.1 * bright - cubes, 0)
    return np.asarray(np.where(cubes > _BODY * bright, negative, cubes), dtype=np.float32)


WAYS: Mapping[str, Callable[[Pictures], Pictures]] = {
    "way_front": _turned(1),
    "way_up": _turned(0),
    "way_both": _turned(0, 1),
    "way_bright": _inverted,
}
"""What a source is told from: what makes cubes (N, Z, Y, X) of pictures the wrong way."""


@dataclass(frozen=True, eq=False, slots=True)
class Ways:
    """One discriminant for each of :data:`WAYS`.

    Parameters
    ----------
    weights : (W, P) float32
    offsets : (W,) float32
    """

    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]

    @classmethod
    def fit(cls, pictures: Pictures) -> Self:
        """Return what tells ``pictures`` (N, P) from themselves the wrong way."""
        cubes = pictures.reshape(-1, BLOCKS, BLOCKS, BLOCKS)
        right = _ranked(pictures)
        found = [_discriminant(right, _ranked(wrong(cubes))) for wrong in WAYS.values()]
        weights, offsets = zip(*found, strict=True)
        return cls(np.stack(weights).astype(np.float32), np.array(offsets, dtype=np.float32))

    def figures(self, picture: NDArray[np.float32]) -> dict[str, float]:
        """Return on which side of each discriminant a picture (P,) lies, and how far."""
        sides = self.weights @ _ranked(picture[None])[0] + self.offsets
        return {name: float(side) for name, side in zip(WAYS, sides, strict=True)}


def _ranked(pictures: Pictures) -> NDArray[np.float64]:
    """Return the ranks of each picture's blocks, 0 to 1: (N, P)."""
    flat = pictures.reshape(len(pictures), -1)
    return np.argsort(np.argsort(flat, axis=1, kind="stable"), axis=1) / flat.shape[1]


def _discriminant(
    right: NDArray[np.float64], wrong: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return weights and offset of the ridge regression of 1 and -1 on both, in its dual form."""
    both = np.concatenate([right, wrong])
    side = np.repeat([1.0, -1.0], [len(right), len(wrong)])
    middle = both.mean(axis=0)
    away = both - middle
    products = away @ away.T
    ridge = _RIDGE * np.trace(products) / len(both)
    weights = away.T @ np.linalg.solve(products + ridge * np.eye(len(both)), side)
    return weights, float(-middle @ weights)
