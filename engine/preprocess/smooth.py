"""To a known resolution: a Gaussian along each axis."""

from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.preprocess.intensity import InPlace
from engine.preprocess.resample import along_axis
from engine.volume import Volume

__all__ = ["Smooth"]

_FWHM_PER_SIGMA = 2 * sqrt(2 * log(2))


@dataclass(frozen=True, slots=True)
class Smooth(InPlace):
    """Average each voxel with its neighbours, weighted by a Gaussian of distance.

    Beyond the volume's ends there is nothing to average: weights within sum to 1.

    Parameters
    ----------
    fwhm_mm : float
        Full width of the Gaussian at half its maximum.
    """

    fwhm_mm: float

    def __post_init__(self) -> None:
        if not 0 < self.fwhm_mm < np.inf:
            raise SpecError(f"smooth: a width above 0 mm is wanted, got {self.fwhm_mm}")

    def apply(self, volume: Volume) -> Volume:
        """Return the volume, smoothed."""
        voxels = volume.voxels
        for axis, (count, step) in enumerate(
            zip(volume.shape, volume.grid.spacing_mm, strict=True)
        ):
            voxels = along_axis(voxels, axis, _weights(count, self.fwhm_mm / step))
        return volume.with_voxels(voxels)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        return {"step": "smooth", "fwhm_mm": self.fwhm_mm}


def _weights(count: int, width: float) -> NDArray[np.float32]:
    """Return the matrix (count, count) of a Gaussian ``width`` voxels wide at half maximum."""
    at = np.arange(count)
    away = (at[:, None] - at[None, :]) / (width / _FWHM_PER_SIGMA)
    weights = np.exp(-(away**2) / 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)
