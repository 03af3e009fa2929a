"""What the receiver of an MR scanner adds: a gain that is not even, and noise."""

from dataclasses import dataclass

import numpy as np

from engine.volume import Grid
from train.phantom.fields import Axes, Floats, smooth_noise

__all__ = ["Coil", "gain_of", "receive"]


@dataclass(frozen=True, slots=True)
class Coil:
    """What the receiver adds.

    Parameters
    ----------
    bias : float
        Standard deviation of the logarithm of a smooth gain.
    bias_mm : float
        Over what length that gain changes.
    near : float
        By what share it is stronger 100 mm from the middle, as near the elements of a coil.
    noise : float
        Standard deviation of the noise in each of the two channels, over the mean signal of the
        body.
    """

    bias: float
    bias_mm: float
    near: float
    noise: float


def gain_of(grid: Grid, coil: Coil, rng: np.random.Generator) -> Floats:
    """Return the gain of a coil (Z, Y, X): one for all that is measured while a subject lies in it.

    Parameters
    ----------
    grid : Grid
        Of the acquisition.
    coil : Coil
        How uneven the gain is.
    """
    axes = [
        np.arange(n, dtype=np.float64) * step
        for n, step in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    place: Axes = (axes[0], axes[1], axes[2])
    z, y, x = [((axis - axis.mean()) / 100.0) ** 2 for axis in axes]
    near = 1 + coil.near * (z[:, None, None] + y[None, :, None] + x[None, None, :])
    gain = np.exp(coil.bias * smooth_noise(rng, place, coil.bias_mm)) * near
    return np.asarray(gain, dtype=np.float32)


def receive(signal: Floats, noise: float, rng: np.random.Generator) -> Floats:
    """Return the magnitude of ``signal`` (Z, Y, X) with noise in both channels: Rician.

    Parameters
    ----------
    signal : (Z, Y, X)
        Of the tissue, 0 in air.
    noise : float
        See :class:`Coil`.

    References
    ----------
    Gudbjartsson and Patz 1995, Magn Reson Med 34:910 (noise of magnitude images).
    """
    level = noise * float(signal[signal > 0.1 * float(signal.max())].mean())
    real = signal + level * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = level * rng.standard_normal(signal.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)
