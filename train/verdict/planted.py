"""Lesions planted into sources: a model that shows what it is given shows these, too.

No truth is wanted: what is asked is whether the result changes where its source does. A model that
paints every head as it knows heads does not show them, however small its error is (Cohen et al.
2018, Distribution matching losses can hallucinate features in medical image translation).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.preprocess import foreground
from engine.volume import Volume

__all__ = ["Planted", "plant", "responses"]

RADIUS_MM = 7.5
_CORE_MM = 5.0
_DEEP_MM = 14.0
"""From the centre to the surface of the body at least: a lesion lies in it, with a rim."""
_APART_MM = 30.0
_MOST = 6
_TRIES = 400
_BRIGHTER, _DARKER = 1.5, 0.5
_HU = 100.0


@dataclass(frozen=True, eq=False, slots=True)
class Planted:
    """Sources with lesions, and where those are.

    Parameters
    ----------
    sources : tuple of Volume
    cores : tuple of (Z, Y, X) bool
        The inner part of each lesion, on the sources' grid.
    """

    sources: tuple[Volume, ...]
    cores: tuple[NDArray[np.bool_], ...]


def plant(sources: Sequence[Volume], seed: int) -> Planted:
    """Return sources with balls of 15 mm, brighter and darker in turn; the same for one seed."""
    first = sources[0]
    centres = _centres(first, seed)
    away = [_distance_mm(first, centre) for centre in centres]
    made = [_painted(one, away) for one in sources]
    return Planted(tuple(made), tuple(one <= _CORE_MM for one in away))


def responses(
    plain: NDArray[np.float32], planted: NDArray[np.float32], cores: Sequence[NDArray[np.bool_]]
) -> tuple[float, ...]:
    """Return by how much a result changes in each lesion, in its unit."""
    return tuple(float((planted[core] - plain[core]).mean()) for core in cores)


def _painted(volume: Volume, away: Sequence[NDArray[np.float64]]) -> Volume:
    voxels = np.array(volume.voxels, dtype=np.float32)
    for number, distance in enumerate(away):
        ball, brighter = distance <= RADIUS_MM, number % 2 == 0
        if volume.unit == "HU":
            voxels[ball] += _HU if brighter else -_HU
        else:
            voxels[ball] *= _BRIGHTER if brighter else _DARKER
    return volume.with_voxels(voxels)


def _centres(volume: Volume, seed: int) -> list[NDArray[np.int64]]:
    """Return voxels deep in the body, apart from each other, drawn from ``seed``."""
    body = np.pad(np.asarray(foreground(np.asarray(volume.voxels), volume.unit)), 1)
    inner = (slice(1, -1),) * 3  # where the image ends, the body does
    far = ndimage.distance_transform_edt(body, sampling=volume.grid.spacing_mm)[inner]
    deep = far >= _DEEP_MM
    places, rng = np.argwhere(deep), np.random.default_rng(seed)
    chosen: list[NDArray[np.int64]] = []
    for _ in range(_TRIES if len(places) else 0):
        one = places[int(rng.integers(len(places)))]
        steps = [(one - other) * np.asarray(volume.grid.spacing_mm) for other in chosen]
        if all(float(np.linalg.norm(step)) >= _APART_MM for step in steps):
            chosen.append(one)
        if len(chosen) == _MOST:
            break
    return chosen


def _distance_mm(volume: Volume, centre: NDArray[np.int64]) -> NDArray[np.float64]:
    squares = np.zeros(volume.shape)
    for axis, step in enumerate(volume.grid.spacing_mm):
        shape = [1, 1, 1]
        shape[axis] = -1
        index = np.arange(volume.shape[axis]).reshape(shape)
        squares = squares + ((index - centre[axis]) * step) ** 2
    return np.sqrt(squares)
