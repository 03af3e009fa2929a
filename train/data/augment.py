"""Variety at learning time: what scanners and patients differ in and a pair cannot show."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from train.errors import RecipeInvalid

__all__ = ["Augment", "Change", "ChannelChange"]

Floats = NDArray[np.float32]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """What befalls one channel of a source, its numbers being all there is to it.

    Parameters
    ----------
    gain, gamma : float
        Of its brightness, 0 to 1: ``gain * x ** gamma``.
    slope : tuple of float
        By what share brightness grows from edge to edge, along each axis.
    noise : float
        Standard deviation added to each of two receiver channels (Rician).
    shift_px : tuple of float
        How far the channel lies beside the target, along each axis.
    turn_deg : tuple of float
        How far it is turned: one angle in a slice; about Z, Y and X in a patch.
    """

    gain: float
    gamma: float
    slope: tuple[float, ...]
    noise: float
    shift_px: tuple[float, ...]
    turn_deg: tuple[float, ...]

    def of(self, x: Floats, span: Span, rng: np.random.Generator) -> Floats:
        """Return the changed channel, (H, W) or (D, H, W), within ``span``."""
        low, high = span
        bright = (_moved(x, self.shift_px, self.turn_deg) - low) / (high - low)
        if self.gain != 1 or self.gamma != 1 or any(self.slope):
            bright = self.gain * np.clip(bright, 0, 1) ** self.gamma * _ramp(x.shape, self.slope)
        if self.noise > 0:
            real = bright + self.noise * rng.standard_normal(x.shape, dtype=np.float32)
            other = self.noise * rng.standard_normal(x.shape, dtype=np.float32)
            bright = np.hypot(real, other)
        return np.asarray(np.clip(bright, 0, 1) * (high - low) + low, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one sample: sources are changed, the truth only goes where the body goes.

    Parameters
    ----------
    flip : bool
        Left for right, in all channels and the target: the last axis.
    channels : tuple of ChannelChange
        One per channel; empty for none changed.
    seed : int
        Of the noise.
    """

    flip: bool
    channels: tuple[ChannelChange, ...]
    seed: int

    def of_source(self, x: Floats, span: Span) -> Floats:
        """Return a changed source (K, H, W) or (K, D, H, W), whose values lie within ``span``."""
        rng = np.random.default_rng(self.seed)
        if self.channels:
            pairs = zip(self.channels, x, strict=True)
            x = np.stack([one.of(channel, span, rng) for one, channel in pairs])
        return self._turned(x)

    def of_target(self, y: Floats) -> Floats:
        """Return the target that belongs to the changed source."""
        return self._turned(y)

    def _turned(self, x: Floats) -> Floats:
        return x[..., ::-1] if self.flip else x


@dataclass(frozen=True, slots=True)
class Augment:
    """How far a :class:`Change` may go; all zero changes nothing.

    Channels are drawn apart: each is a series of its own, with a gain, a coil and a pose.

    Parameters
    ----------
    flip : float
        Chance of left for right. Only where the last axis is that, and nobody asks for sides.
    gain, gamma : float
        Largest change of either, as a share: 0.2 draws from 1 / 1.2 to 1.2.
    slope : float
        Largest slope of brightness.
    noise : float
        Largest noise.
    misalign_px, misalign_deg : float
        Farthest that a channel lies beside the target, in voxels and degrees, along and about
        each axis.
    """

    flip: float = 0.0
    gain: float = 0.0
    gamma: float = 0.0
    slope: float = 0.0
    noise: float = 0.0
    misalign_px: float = 0.0
    misalign_deg: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not isinstance(value, int | float) or not 0 <= value < np.inf:
                text = f"[learning.augment] {one.name} = {value!r}"
                raise RecipeInvalid(f"{text}; a number of 0 or more is wanted")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Augment":
        """Return what a recipe asks for.

        Raises
        ------
        RecipeInvalid
            When a key is unknown, or a value below 0.
        """
        names = [one.name for one in fields(cls)]
        if unknown := sorted(set(values) - set(names)):
            text = f"[learning.augment] unknown key '{unknown[0]}'; keys are {', '.join(names)}"
            raise RecipeInvalid(text)
        return cls(**values)

    def draw(self, rng: np.random.Generator, *, channels: int, axes: int) -> Change:
        """Draw one change of a source with so many ``channels`` in 2 or 3 ``axes``."""
        flip = bool(rng.uniform() < self.flip)
        changes = tuple(self._channel(rng, axes) for _ in range(channels))
        still = not any(getattr(self, one.name) for one in fields(self) if one.name != "flip")
        return Change(flip, () if still else changes, int(rng.integers(2**31)))

    def _channel(self, rng: np.random.Generator, axes: int) -> ChannelChange:
        return ChannelChange(
            gain=float((1 + self.gain) ** rng.uniform(-1, 1)),
            gamma=float((1 + self.gamma) ** rng.uniform(-1, 1)),
            slope=_either_way(rng, self.slope, axes),
            noise=float(rng.uniform(0, self.noise)),
            shift_px=_either_way(rng, self.misalign_px, axes),
            turn_deg=_either_way(rng, self.misalign_deg, 1 if axes == 2 else 3),
        )


def _either_way(rng: np.random.Generator, most: float, count: int) -> tuple[float, ...]:
    return tuple(float(value) for value in rng.uniform(-most, most, count))


def _ramp(shape: tuple[int, ...], slope: tuple[float, ...]) -> Floats:
    """Return 1 in the middle, rising by ``slope`` from edge to edge of each axis."""
    ramp = np.ones(shape, dtype=np.float32)
    for axis, (size, share) in enumerate(zip(shape, slope, strict=True)):
        line = np.linspace(-0.5, 0.5, size, dtype=np.float32) * np.float32(share)
        ramp += line.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return ramp


def _moved(x: Floats, shift_px: tuple[float, ...], turn_deg: tuple[float, ...]) -> Floats:
    """Return ``x`` turned about its middle, then shifted; what comes in repeats the edge."""
    if not any(shift_px) and not any(turn_deg):
        return x
    back = _rotation(turn_deg).T  # where each voxel of the result comes from
    start = -back @ np.asarray(shift_px)
    size = np.asarray(x.shape, dtype=np.float64)
    theta = np.concatenate([back * size / size[:, None], (2 * start / size)[:, None]], axis=1)
    order = [*range(x.ndim)][::-1]  # torch counts x, y, z
    theta = theta[order][:, [*order, x.ndim]]
    whole = torch.from_numpy(np.ascontiguousarray(x))[None, None]
    where = functional.affine_grid(
        torch.from_numpy(theta.astype(np.float32))[None], list(whole.shape), align_corners=False
    )
    moved = functional.grid_sample(whole, where, padding_mode="border", align_corners=False)
    return np.asarray(moved[0, 0].numpy())


def _rotation(turn_deg: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the rotation of array indices: by one angle in (y, x), or about z, y and x in turn."""
    planes = [(0, 1)] if len(turn_deg) == 1 else [(1, 2), (0, 2), (0, 1)]
    axes = 2 if len(turn_deg) == 1 else 3
    whole = np.eye(axes)
    for (first, second), angle in zip(planes, np.deg2rad(turn_deg), strict=True):
        turn = np.eye(axes)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
        whole = whole @ turn
    return whole
