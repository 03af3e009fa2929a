"""Intensities: onto the range that a network learned with, and back into the volume's unit."""

from dataclasses import dataclass
from math import inf
from typing import Any, Self

from engine.errors import InputRefused, SpecError
from engine.preprocess.mask import foreground, quantile
from engine.reason import Code, Reason
from engine.volume import Array, Volume
from engine.xp import namespace

__all__ = ["Normalise", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """Map [low, high], in the volume's unit (HU, g/ml), onto [-1, 1]; clip outside."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -inf < self.low < self.high < inf:
            raise SpecError(f"window [{self.low}, {self.high}] is empty or endless")

    def apply(self, x: Array) -> Array:
        """Return a new array; shape, float dtype and device as ``x``."""
        xp = namespace(x)
        return 2 * (xp.clip(x, self.low, self.high) - self.low) / (self.high - self.low) - 1

    def undo(self, y: Array) -> Array:
        """Return to the volume's unit."""
        return (y + 1) / 2 * (self.high - self.low) + self.low


@dataclass(frozen=True, slots=True)
class Normalise:
    """Map the body's usual brightness onto [-1, 1]: MR has no unit of its own.

    The low end is 0, the high end the ``high`` quantile of the voxels inside the body: taken over
    the body, it does not move with the amount of air in the field of view.

    Parameters
    ----------
    high : float
        Share of the body's voxels below the high end, 0.5 to 1.
    window : Window or None
        What was fitted; None before.
    """

    high: float
    window: Window | None = None

    def __post_init__(self) -> None:
        if not 0.5 < self.high <= 1:
            raise SpecError(f"normalise: a share between 0.5 and 1 is wanted, got {self.high}")

    def fit(self, volume: Volume) -> Self:
        """Return the step with the window of ``volume``.

        Raises
        ------
        InputRefused
            When the volume is flat or not finite: there is nothing to make an image from.
        """
        x, xp = volume.voxels, namespace(volume.voxels)
        if not bool(xp.all(xp.isfinite(x))):
            text = "the source holds values that are no numbers"
            raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
        body = x[foreground(x)]
        top = quantile(body, self.high) if body.shape[0] else 0.0
        if top <= 0:
            text = "the source is empty: no voxel above 0"
            raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
        return type(self)(self.high, Window(0.0, top))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume in [-1, 1]."""
        return volume.with_voxels(self._fitted().apply(volume.voxels))

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return ``volume``: a result has the unit of what was made, not of the source."""
        return volume

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        window = self._fitted()
        return {"step": "normalise", "high": self.high, "window": [window.low, window.high]}

    def _fitted(self) -> Window:
        if self.window is None:
            raise SpecError("normalise was not fitted to a volume before it was applied")
        return self.window
