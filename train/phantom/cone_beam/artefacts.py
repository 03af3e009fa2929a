"""Cupping, streaks, rings, noise and a round field of view.

Beam hardening and scatter both make thick or dense paths seem thinner than they are. The
projections of the true slices are bent by that law and brought back to the mean that a correction
for water leaves; the difference is back-projected. So the middle of the head sinks, and dark
streaks join dense bones. Both follow from the body alone: a network can learn to take them out.
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from engine.volume import Grid
from train.phantom.cone_beam.projections import back, forward
from train.phantom.fields import Axes, Floats, between

__all__ = ["FIGURES", "degrade"]

_WATER_PER_MM = 0.02
_STEP_MM, _SLICE_MM, _ANGLES = 3.0, 4.0, 72
_HARDENING, _SCATTER = (0.018, 0.030), (0.005, 0.012)
"""Share by which a path shortens per unit of its length, and scattered over unattenuated light."""
_NOISE_HU, _GRAIN_VOXELS = (22.0, 40.0), 0.6
_RING_HU, _RING_MM, _RING_SLICES_MM = (4.0, 12.0), 3.0, 12.0
_RADIUS_MM, _RIM_HU, _RIM_MM = (117.0, 130.0), 120.0, 6.0
FIGURES = (
    _WATER_PER_MM, _STEP_MM, _SLICE_MM, _ANGLES, _HARDENING, _SCATTER, _NOISE_HU, _GRAIN_VOXELS,
    _RING_HU, _RING_MM, _RING_SLICES_MM, _RADIUS_MM, _RIM_HU, _RIM_MM,
)  # fmt: skip


def degrade(hu: Floats, grid: Grid, rng: np.random.Generator) -> Floats:
    """Return Hounsfield units as a cone-beam scanner shows them.

    Parameters
    ----------
    hu : (Z, Y, X)
        True.
    grid : Grid
        Where they lie; the gantry turns about the axis of the grid that is nearest to S.

    Shapes
    ------
    return : (Z, Y, X) float32
    """
    along = int(np.argmax(np.abs(grid.affine[2, :3]) / grid.spacing_mm))
    steps = [grid.spacing_mm[along], *(s for i, s in enumerate(grid.spacing_mm) if i != along)]
    slices = np.moveaxis(hu, along, 0)
    axes = [
        (np.arange(n) - (n - 1) / 2) * step for n, step in zip(slices.shape, steps, strict=True)
    ]
    place: Axes = (axes[0], axes[1], axes[2])
    away = np.hypot(axes[1][:, None], axes[2][None, :]).astype(np.float32)
    seen = slices + _bent(slices, place, rng) + _rings(place, away, rng) + _noise(slices, rng)
    return np.ascontiguousarray(np.moveaxis(_round(seen, slices, away, rng), 0, along))


def _bent(slices: Floats, axes: Axes, rng: np.random.Generator) -> Floats:
    """Return what hardening and scatter add: cupping and streaks."""
    half = max(float(axes[1][-1]), float(axes[2][-1])) * np.sqrt(2)
    flat = np.arange(-half, half + _STEP_MM, _STEP_MM)
    tall = np.arange(axes[0][0], axes[0][-1] + _SLICE_MM, _SLICE_MM)
    coarse = between((slices + 1000)[None], _indices((tall, flat, flat), axes))[0]
    inside = (np.abs(flat) <= axes[1][-1])[:, None] & (np.abs(flat) <= axes[2][-1])[None, :]
    dense = np.clip(coarse * inside, 0, None) * np.float32(_WATER_PER_MM / 1000)
    true = forward(dense.astype(np.float32), _ANGLES, _STEP_MM)
    hardening, scatter = rng.uniform(*_HARDENING), rng.uniform(*_SCATTER)
    hard = true * (1 - hardening * true)
    seen = -torch.log((torch.exp(-hard) + scatter) / (1 + scatter))
    seen = seen * ((true * seen).sum() / (seen * seen).sum())
    wrong = back(seen - true, _STEP_MM) * np.float32(1000 / _WATER_PER_MM)
    return np.asarray(between(wrong[None], _indices(axes, (tall, flat, flat)))[0])


def _indices(places: Axes, axes: Axes) -> Axes:
    """Return fractional indices of ``places`` along ``axes``."""
    at = [(one - axis[0]) / (axis[1] - axis[0]) for one, axis in zip(places, axes, strict=True)]
    return at[0], at[1], at[2]


def _rings(axes: Axes, away: Floats, rng: np.random.Generator) -> Floats:
    """Return rings about the axis of the gantry: columns of the detector that answer unevenly."""
    tall = int(np.ceil((axes[0][-1] - axes[0][0]) / _RING_SLICES_MM)) + 2
    wide = int(np.ceil(float(away.max()) / _RING_MM)) + 2
    coarse = rng.standard_normal((1, tall, wide, 1)).astype(np.float32)
    at = (axes[0] - axes[0][0]) / _RING_SLICES_MM
    profile = between(coarse, (at, np.arange(wide, dtype=np.float64), np.zeros(1)))[0, :, :, 0]
    radius = away / _RING_MM
    first = radius.astype(np.int64)
    share = radius - first
    rings = profile[:, first] * (1 - share) + profile[:, first + 1] * share
    return np.asarray(rng.uniform(*_RING_HU) * rings, dtype=np.float32)


def _noise(slices: Floats, rng: np.random.Generator) -> Floats:
    """Return noise with a grain, less in air: fewer quanta are lost there."""
    grain = rng.standard_normal(slices.shape, dtype=np.float32)
    grain = gaussian_filter(grain, (0, _GRAIN_VOXELS, _GRAIN_VOXELS))
    level = rng.uniform(*_NOISE_HU) / float(grain[:: max(1, len(grain) // 8)].std())
    return np.asarray(level * grain * np.where(slices < -500, 0.5, 1), dtype=np.float32)


def _round(seen: Floats, true: Floats, away: Floats, rng: np.random.Generator) -> Floats:
    """Cut to a round field of view, its edge bright where the body goes on beyond it."""
    radius = float(rng.uniform(*_RADIUS_MM))
    rim = _RIM_HU * np.exp(-np.clip(radius - away, 0, None) / _RIM_MM)
    cut = np.where(away <= radius, seen + rim * (true > -500), -1000)
    return np.asarray(np.clip(cut, -1000, 3000), dtype=np.float32)
