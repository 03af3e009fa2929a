"""One spine from a seed, and the shape and pose of who has it."""

import numpy as np

from train.phantom.body import Body, Canvas
from train.phantom.fields import Axes, Placement, Warp, rotation, smooth_noise
from train.phantom.spine.bones import paint_arches, paint_bodies
from train.phantom.spine.canal import paint_canal, paint_foramina, paint_ligaments
from train.phantom.spine.column import draw_column
from train.phantom.spine.discs import paint_discs
from train.phantom.spine.figures import EXTENT_MM, SPREAD
from train.phantom.spine.health import draw_health
from train.phantom.spine.lines import lines_of
from train.phantom.spine.trunk import paint_skin, paint_trunk
from train.phantom.tissues import Tissue

__all__ = ["build_spine", "draw_placement", "spine_axes"]

_UNEVEN_MM = 5.0
_LATTICE_MM, _AROUND_MM = 8.0, 24.0


def spine_axes(spacing_mm: float) -> Axes:
    """Return even positions along (S, P, L) that cover the figures' extent."""
    z, y, x = (np.arange(low, high, spacing_mm) for low, high in EXTENT_MM)
    return z, y, x


def build_spine(rng: np.random.Generator, spacing_mm: float) -> tuple[Body, dict[str, str]]:
    """Return the spine that ``rng`` draws, T8 to the coccyx, and what its results are told by.

    Parameters
    ----------
    spacing_mm : float
        Of the voxels.

    Returns
    -------
    Body
        Fractions on axes whose origin is the middle of L3.
    dict
        ``degeneration`` (none, mild, severe) and ``oedema`` (none, endplate, fracture).
    """
    health = draw_health(rng)
    column = draw_column(rng, health)
    axes = spine_axes(spacing_mm)
    canvas = Canvas(axes, Tissue.FAT)
    lines = lines_of(column, axes)
    noise = smooth_noise(rng, axes, _UNEVEN_MM)
    paint_trunk(canvas, column, health, lines, rng)
    paint_foramina(canvas, column)
    paint_arches(canvas, column, health)
    paint_canal(canvas, column, lines, rng)
    paint_discs(canvas, column, health, noise, rng)
    paint_bodies(canvas, column, health, noise, rng)
    paint_ligaments(canvas, lines)
    paint_skin(canvas, lines, rng)
    return canvas.body(), health.strata


def draw_placement(rng: np.random.Generator, axes: Axes) -> Placement:
    """Draw size, pose and shape of a patient: slightly scoliotic, lying nearly straight."""
    z, y, x = (np.arange(a[0] - _AROUND_MM, a[-1] + _AROUND_MM, _LATTICE_MM) for a in axes)
    lattice: Axes = (z, y, x)
    velocity = np.stack([
        sum(size * smooth_noise(rng, lattice, length) for size, length in SPREAD.shape_mm)
        for _ in range(3)
    ])  # fmt: skip
    wave = np.sin(2 * np.pi * (z / SPREAD.scoliosis_length_mm + rng.uniform()))
    bent = (rng.normal(0, SPREAD.scoliosis_mm) * wave).astype(np.float32)
    velocity[2] = 0.5 * velocity[2] + bent[:, None, None]
    mean, spread = SPREAD.size
    size = np.clip(rng.normal(mean, spread), mean - 2.4 * spread, mean + 2.4 * spread)
    scale = size * (1 + np.clip(rng.normal(0, 0.02, 3), -0.04, 0.04))
    angles = np.radians(np.clip(rng.normal(0, SPREAD.turn_deg, 3), -6, 6))
    shift = rng.uniform(-SPREAD.shift_mm, SPREAD.shift_mm, 3)
    return Placement(Warp.of(velocity, lattice), scale, rotation(angles), shift)
