"""Intensities: onto the range that a network learned with, and back into the volume's unit."""

from dataclasses import dataclass, replace
from math import inf
from typing import Any, Self

from engine.errors import InputRefused, SpecError
from engine.preprocess.mask import foreground, quantile
from engine.reason import Code, Reason
from engine.volume import Array, Volume
from engine.xp import namespace

__all__ = ["Clip", "InPlace", "MinMax", "Normalise", "Window"]


@dataclass(frozen=True, slots=True)
class Window:
    """Map [low, high], in the volume's unit (HU, SUVR), onto a network's range; clip outside."""

    low: float
    high: float
    onto: tuple[float, float] = (-1.0, 1.0)

    def __post_init__(self) -> None:
        for low, high in ((self.low, self.high), self.onto):
            if not -inf < low < high < inf:
                raise SpecError(f"window [{low}, {high}] is empty or endless")

    def apply(self, x: Array) -> Array:
        """Return a new array; shape, float dtype and device as ``x``."""
        xp, (first, last) = namespace(x), self.onto
        inside = xp.clip(x, self.low, self.high) - self.low
        return (last - first) * inside / (self.high - self.low) + first

    def undo(self, y: Array) -> Array:
        """Return to the volume's unit; what a network put beyond its range goes beyond the ends."""
        first, last = self.onto
        return (y - first) / (last - first) * (self.high - self.low) + self.low


class InPlace:
    """A step that changes values and leaves every voxel where it lies.

    A result has the unit, the brightness and the place that the network gave it; a second volume
    keeps its own values.
    """

    __slots__ = ()

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return ``volume``: a result is already where the input of :meth:`apply` was."""
        return volume

    def follow(self, volume: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return ``volume``: it is already where the source is now."""
        return volume


@dataclass(frozen=True, slots=True)
class Clip(InPlace):
    """Map one window that is the same for every volume: for values that have a unit, HU."""

    window: Window

    def apply(self, volume: Volume) -> Volume:
        """Return the volume in the network's range."""
        return volume.with_voxels(self.window.apply(volume.voxels))

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        window = self.window
        ends = {"low": window.low, "high": window.high, "onto": list(window.onto)}
        return {"step": "window", **ends}


@dataclass(frozen=True, slots=True)
class Normalise(InPlace):
    """Map the body's usual brightness onto a network's range: MR has no unit of its own.

    The low end is 0, the high end ``headroom`` times the ``high`` quantile of the voxels inside the
    body: taken over the body, it does not move with the amount of air in the field of view.

    Parameters
    ----------
    high : float
        Share of the body's voxels below the brightness that scales, 0.5 to 1. In a head the
        brightest hundredth is fat near the coil, and fat beside brain is another matter in every
        protocol: a smaller share with some headroom holds the brain steadier.
    window : Window or None
        What was fitted; None before.
    onto : (low, high)
        The network's range.
    headroom : float
        How many times that brightness the range holds, 1 or more; what is brighter is cut.
    """

    high: float
    window: Window | None = None
    onto: tuple[float, float] = (-1.0, 1.0)
    headroom: float = 1.0

    def __post_init__(self) -> None:
        if not 0.5 < self.high <= 1:
            raise SpecError(f"normalise: a share between 0.5 and 1 is wanted, got {self.high}")
        if not 1 <= self.headroom < inf:
            raise SpecError(f"normalise: a headroom of 1 or more is wanted, got {self.headroom}")
        Window(0.0, 1.0, self.onto)  # refuses an impossible range

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
        body = x[foreground(x, volume.unit)]
        top = quantile(body, self.high) if body.shape[0] else 0.0
        if top <= 0:
            text = "the source is empty: no voxel above 0"
            raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
        return replace(self, window=Window(0.0, top * self.headroom, self.onto))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume in the network's range."""
        return volume.with_voxels(self._fitted().apply(volume.voxels))

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        window = self._fitted()
        ends = {"window": [window.low, window.high], "onto": list(self.onto)}
        more = {} if self.headroom == 1 else {"headroom": self.headroom}
        return {"step": "normalise", "high": self.high, **more, **ends}

    def _fitted(self) -> Window:
        if self.window is None:
            raise SpecError("normalise was not fitted to a volume before it was applied")
        return self.window


@dataclass(frozen=True, slots=True)
class MinMax(InPlace):
    """Map the least and the greatest value of a volume onto 0 and 1.

    Parameters
    ----------
    window : Window or None
        What was fitted; None before.
    """

    window: Window | None = None

    def fit(self, volume: Volume) -> Self:
        """Return the step with the ends of ``volume``.

        Raises
        ------
        InputRefused
            When every voxel is the same, or one is no number.
        """
        xp = namespace(volume.voxels)
        low, high = float(xp.min(volume.voxels)), float(xp.max(volume.voxels))
        if not -inf < low < high < inf:
            text = f"values run from {low:.4g} to {high:.4g}; an image with contrast is wanted"
            raise InputRefused([Reason(Code.PIXELS_UNREADABLE, text)])
        return replace(self, window=Window(low, high, (0.0, 1.0)))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume in [0, 1]."""
        return volume.with_voxels(self._fitted().apply(volume.voxels))

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        window = self._fitted()
        return {"step": "min_max", "window": [window.low, window.high]}

    def _fitted(self) -> Window:
        if self.window is None:
            raise SpecError("min_max was not fitted to a volume before it was applied")
        return self.window
