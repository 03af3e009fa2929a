"""Variety at learning time: what scanners differ in and a prepared pair cannot show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Augment", "Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one batch; its numbers are all there is to it.

    Parameters
    ----------
    flip : bool
        Left for right, which anatomy allows for a head.
    gain, gamma : float
        Of the source's brightness, 0 to 1: ``gain * x ** gamma``.
    slope : (float, float)
        By what share brightness grows from edge to edge, along rows and columns.
    noise : float
        Standard deviation added in each of two channels (Rician).
    seed : int
        Of the noise.
    """

    flip: bool
    gain: float
    gamma: float
    slope: tuple[float, float]
    noise: float
    seed: int

    def of_source(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return changed slices (B, H, W), in [-1, 1]."""
        rows = np.linspace(-0.5, 0.5, x.shape[1], dtype=np.float32)[:, None] * self.slope[0]
        columns = np.linspace(-0.5, 0.5, x.shape[2], dtype=np.float32)[None, :] * self.slope[1]
        bright = self.gain * ((x + 1) / 2) ** self.gamma * (1 + rows + columns)
        if self.noise > 0:
            rng = np.random.default_rng(self.seed)
            real = bright + self.noise * rng.standard_normal(x.shape, dtype=np.float32)
            other = self.noise * rng.standard_normal(x.shape, dtype=np.float32)
            bright = np.hypot(real, other)
        changed = np.asarray(np.clip(2 * bright - 1, -1, 1), dtype=np.float32)
        return self._turned(changed)

    def of_target(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the targets that belong to the changed sources."""
        return self._turned(y)

    def _turned(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return x[..., ::-1] if self.flip else x


@dataclass(frozen=True, slots=True)
class Augment:
    """How far a :class:`Change` may go; all zero changes nothing.

    Parameters
    ----------
    flip : float
        Chance of a flip.
    gain, gamma : float
        Largest change of either, as a share: 0.2 draws from 1 / 1.2 to 1.2.
    slope : float
        Largest slope of brightness.
    noise : float
        Largest noise.
    """

    flip: float = 0.0
    gain: float = 0.0
    gamma: float = 0.0
    slope: float = 0.0
    noise: float = 0.0

    def draw(self, rng: np.random.Generator) -> Change:
        """Draw one change."""
        slope = rng.uniform(-self.slope, self.slope, 2)
        return Change(
            flip=bool(rng.uniform() < self.flip),
            gain=float((1 + self.gain) ** rng.uniform(-1, 1)),
            gamma=float((1 + self.gamma) ** rng.uniform(-1, 1)),
            slope=(float(slope[0]), float(slope[1])),
            noise=float(rng.uniform(0, self.noise)),
            seed=int(rng.integers(2**31)),
        )
