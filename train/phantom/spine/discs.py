"""Discs: a fibrous ring, a nucleus as watery as its grade allows, and what stands out behind."""

import numpy as np

from train.phantom.body import Canvas, Points
from train.phantom.fields import Floats
from train.phantom.spine.column import Column, Disc
from train.phantom.spine.figures import DISC, LEVELS, SHAPE
from train.phantom.spine.health import Health
from train.phantom.spine.solids import Rod, footprint, soft
from train.phantom.tissues import Tissue

__all__ = ["paint_discs"]


def paint_discs(
    canvas: Canvas, column: Column, health: Health, noise: Floats, rng: np.random.Generator
) -> None:
    """Paint all discs; the bodies, painted later, cut them to their height."""
    for disc in column.discs:
        grade = health.grades[disc.index] if disc.index < len(LEVELS) else 4
        sticks = health.protruding_mm[disc.index] if disc.index < len(LEVELS) else 0.0
        low, high = _bounds(disc)
        box = canvas.box(*disc.frame.bounds(low, high))
        at = disc.frame.local(canvas.within(box))
        side = _outline(disc, at, (DISC.bulge[grade - 1] * float(rng.uniform(0.5, 1)), sticks), rng)
        whole = np.maximum(side, _ends(disc, at, side))
        canvas.paint(Tissue.DISC_DRY, whole, box=box)
        ring = np.clip(0.5 + (side + DISC.ring) / 1.5, 0, 1) * np.float32(DISC.ring_share)
        inside = np.clip(0.5 - whole / canvas.step_mm, 0, 1)
        canvas.turn(Tissue.DISC_DRY, Tissue.LIGAMENT, ring * inside, box=box)
        water = DISC.water[grade - 1] * (1 + 0.1 * float(rng.normal()))
        share = water * _nucleus(disc, at, noise[box], adult=grade >= 2)
        canvas.turn(Tissue.DISC_DRY, Tissue.DISC, np.clip(share, 0, 1) * inside, box=box)
        if disc.index < len(LEVELS) and health.fissured[disc.index]:
            _fissure(canvas, disc)


def _bounds(disc: Disc) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    half = (disc.height / 2 + 6, disc.depth / 2 + 8, disc.width / 2 + 5)
    return (-half[0], -half[1], -half[2]), half


def _outline(disc: Disc, at: Points, out: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Distance to the disc's outline; ``out`` is how far it bulges, and a part of it sticks out."""
    _, back, left = at
    side, _ = footprint(back, left, disc.depth, disc.width)
    bulge, sticks = out
    behind = soft(-back, 5.0)
    half, middle = rng.uniform(*DISC.protrusion_half), rng.uniform(-7, 7)
    bump = np.exp(-(((left - middle) / half) ** 2)) * (back > 0)
    front = 0.5 * bulge * (1 - behind)
    return np.asarray(side - bulge * behind - front - sticks * bump, dtype=np.float32)


def _ends(disc: Disc, at: Points, side: Floats) -> Floats:
    """Distance beyond a wedge somewhat thicker than the disc, thinner where it stands out."""
    up, back, _ = at
    slope = np.tan(np.radians(disc.wedge_deg / 2))
    half = disc.height / 2 - back * np.float32(slope) + SHAPE.hollow * np.clip(-side / 8, 0, 1)
    half = np.maximum(half + DISC.overlap, 1.5) - 0.35 * np.clip(side + 5, 0, 8)
    return np.asarray(np.abs(up) - half, dtype=np.float32)


def _nucleus(disc: Disc, at: Points, noise: Floats, *, adult: bool) -> Floats:
    """Return the share of the disc that is nucleus, its edge soft, cleft in an adult."""
    up, back, left = at
    deep, wide, behind = DISC.nucleus
    level = np.hypot((back - behind * disc.depth) / (deep * disc.depth), left / (wide * disc.width))
    core = soft((level - 1).astype(np.float32) * 10 + 0.8 * noise, 2.2)
    if not adult:
        return core
    half, taken = DISC.cleft
    cleft = np.exp(-((up / half) ** 2)) * soft((level - 0.75).astype(np.float32) * 10, 1.5)
    return np.asarray(core * (1 - taken * cleft), dtype=np.float32)


def _fissure(canvas: Canvas, disc: Disc) -> None:
    """Paint a tear of the ring behind, bright as fluid."""
    tall, wide = DISC.fissure
    back = SHAPE.back_wall * disc.depth - 1.6
    spot = Rod((0.0, back, -wide), (0.0, back, wide), tall / 1.5)
    box = canvas.box(*disc.frame.bounds(*spot.bounds()))
    inside = soft(spot.distance(disc.frame.local(canvas.within(box))), 0.8)
    canvas.turn(Tissue.LIGAMENT, Tissue.MUCOSA, inside, box=box)
