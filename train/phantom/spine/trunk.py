"""Everything around the spine, coarse: muscles, fat, skin, great vessels, belly, lung."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from train.phantom.body import Canvas
from train.phantom.fields import Floats, smooth_noise
from train.phantom.shapes import Point
from train.phantom.spine.column import Bone, Column
from train.phantom.spine.figures import TRUNK
from train.phantom.spine.health import Health
from train.phantom.spine.lines import Lines
from train.phantom.spine.solids import Rod, soft
from train.phantom.tissues import Tissue

__all__ = ["paint_skin", "paint_trunk"]


def paint_trunk(
    canvas: Canvas, column: Column, health: Health, lines: Lines, rng: np.random.Generator
) -> None:
    """Paint on a canvas of fat what lies before, beside and behind the spine."""
    _belly(canvas, lines, rng)
    _lungs(canvas, lines)
    _muscles(canvas, column, health, lines, rng)
    _vessels(canvas, column, rng)
    _pelvis(canvas, column)


def _belly(canvas: Canvas, lines: Lines, rng: np.random.Generator) -> None:
    """Paint bowel in its fat, and liver above it."""
    z, y, x = canvas.axes
    end = float(np.max(lines.front)) - 20
    box = canvas.box((z[0] - 9, y[0] - 9, x[0] - 9), (z[-1] + 9, end, x[-1] + 9))
    up, back, _ = canvas.within(box)
    loops = smooth_noise(rng, (z, y[box[1]], x), TRUNK.bowel_mm)
    between, uneven = TRUNK.between_mm
    edge = between + uneven * np.roll(loops, loops.shape[0] // 3, axis=0)
    before = soft((back - lines.front + edge).astype(np.float32), 2.0)
    wall, content, gas = TRUNK.bowel
    for tissue, level, most in (
        (Tissue.MUSCLE, wall, 1.0),
        (Tissue.MUCOSA, content, 0.8),
        (Tissue.CAVITY, gas, 1.0),
    ):
        share = np.clip((loops - level) * 5, 0, most) * before
        canvas.cover(tissue, share.astype(np.float32), box=box)
    above, ahead, radius = TRUNK.liver
    liver = np.hypot(up - above, 1.5 * (back - ahead)) - radius + 6 * loops
    canvas.paint(Tissue.MUSCLE, np.asarray(liver, dtype=np.float32), box=box)


def _lungs(canvas: Canvas, lines: Lines) -> None:
    """Paint the lungs beside the thoracic spine, down to the dome of the diaphragm."""
    z, _, x = canvas.axes
    low, aside = TRUNK.lung
    box = canvas.box((low - 9, -75.0, x[0] - 9), (z[-1] + 9, float(np.max(lines.wall)) + 12, x[-1]))
    up, back, left = canvas.within(box)
    dome = np.maximum(low + 0.012 * (back + 30) ** 2 - up, aside - np.abs(left))
    ends = np.maximum(back - lines.wall[box[0]] - 10, -70 - back)
    canvas.paint(Tissue.CAVITY, np.asarray(np.maximum(dome, ends), dtype=np.float32), box=box)


def _muscles(
    canvas: Canvas, column: Column, health: Health, lines: Lines, rng: np.random.Generator
) -> None:
    """Paint the muscles of the back with their streaks of fat, the psoas, and what lies between."""
    z, y, x = canvas.axes
    start = float(np.min(lines.wall)) - 5
    box = canvas.box((z[0] - 9, start, x[0] - 9), (z[-1] + 9, y[-1] + 9, x[-1] + 9))
    up, back, left = canvas.within(box)
    across, along = TRUNK.streak_mm
    part = (z * (across / along), y[box[1]], x)
    streaks = smooth_noise(rng, part, across)
    aside = np.abs(left)
    end = lines.tips - 1.5 - np.clip(aside - 32, 0, None) * 0.35
    first = lines.wall + 0.4 * lines.deep - 14 * soft(32 - aside, 8.0)
    muscle = np.maximum(np.maximum(back - end, first - back), TRUNK.midline - aside)
    canvas.paint(Tissue.MUSCLE, muscle.astype(np.float32), box=box)
    level = _above(health.muscle_fat)
    lower = np.clip((column.named("L2").frame.up - up) / 90, 0, 0.6)  # fattier downwards
    share = np.clip((streaks - level + lower) * 2, 0, TRUNK.streak_share).astype(np.float32)
    canvas.turn(Tissue.MUSCLE, Tissue.FAT, share, box=box)
    fascia = np.maximum(np.abs(back - end - 0.4) - TRUNK.fascia / 2, TRUNK.midline - aside)
    canvas.paint(Tissue.LIGAMENT, fascia.astype(np.float32), box=box)
    between = np.maximum(np.maximum(back - lines.tips, first - back), aside - TRUNK.midline)
    fibres = TRUNK.interspinous * np.clip(0.6 + 0.5 * streaks, 0, 1)
    within = np.clip(0.5 - between / canvas.step_mm, 0, 1)
    canvas.turn(Tissue.FAT, Tissue.LIGAMENT, (fibres * within).astype(np.float32), box=box)
    tip = np.abs(back - lines.tips) - TRUNK.supraspinous / 2
    tip = np.maximum(tip, aside - TRUNK.midline).astype(np.float32)
    canvas.paint(Tissue.LIGAMENT, tip, box=box)
    _psoas(canvas, column)


def _above(share: float) -> float:
    """Return what ``share`` of a normal variable lies above (Tukey's lambda, 0.14)."""
    return -float((share**0.135 - (1 - share) ** 0.135) / 0.1975)


def _psoas(canvas: Canvas, column: Column) -> None:
    thin, thick = TRUNK.psoas
    bones = [column.named(name) for name in ("T12", "L1", "L2", "L3", "L4", "L5", "S1")]
    for step, (upper, lower) in enumerate(pairwise(bones)):
        radius = thin + (thick - thin) * step / (len(bones) - 2)
        ends = []
        for bone, wide in ((upper, radius), (lower, radius + 1)):
            place = bone.frame.world((0.0, -2.0 - 1.5 * step, 0.0))
            ends.append((place[0], place[1], bone.level.width / 2 + 0.66 * wide - 1))
        rod = Rod(ends[0], ends[1], radius * 0.85, (1.0, 1.15, 0.8))
        _both(canvas, rod, Tissue.MUSCLE)


def _both(canvas: Canvas, rod: Rod, tissue: Tissue) -> None:
    for one in (rod, rod.mirrored()):
        _solid(canvas, one, tissue)


def _solid(canvas: Canvas, rod: Rod, tissue: Tissue) -> None:
    box = canvas.box(*rod.bounds())
    canvas.paint(tissue, rod.distance(canvas.within(box)), box=box)


def _vessels(canvas: Canvas, column: Column, rng: np.random.Generator) -> None:
    """Paint aorta and vena cava before the bodies, and the vessels into which they part at L4."""
    fork = [column.named(name) for name in ("L5", "S1")]
    paths = []
    for radius, gap, left in (TRUNK.aorta, TRUNK.cava):
        own = radius * float(np.exp(rng.normal(0, 0.1)))
        trunk = [_before(bone, gap + own, left) for bone in column.movable[:-1]]
        if left < 0:  # the vena cava passes the liver
            trunk = [place for place in trunk if place[0] < TRUNK.liver[0] - 70]
        paths.append((trunk, own))
        thin, apart = TRUNK.iliac
        for side in (-1, 1):
            ways = [left + side * apart * step / 2 for step in (1, 2)]
            away = [_before(bone, thin, way) for bone, way in zip(fork, ways, strict=True)]
            paths.append(([trunk[-1], *away], thin))
    for thinner, tissue in ((0.0, Tissue.MUSCLE), (TRUNK.wall_mm, Tissue.BLOOD)):
        for path, radius in paths:
            _tube(canvas, path, radius - thinner, tissue)


def _tube(canvas: Canvas, path: list[Point], radius: float, tissue: Tissue) -> None:
    for start, end in pairwise(path):
        _solid(canvas, Rod(start, end, radius), tissue)


def _before(bone: Bone, gap: float, left: float) -> Point:
    """Return a place ``gap`` before a body."""
    up, back, _ = bone.frame.world((0.0, -bone.level.depth / 2 - gap, 0.0))
    return up, back, left


def _pelvis(canvas: Canvas, column: Column) -> None:
    """Paint the rectum before the sacrum, and a bladder."""
    radius, gap = TRUNK.rectum
    path = [_before(bone, gap + radius, 0.0) for bone in column.sacral[1:]]
    _tube(canvas, path, radius, Tissue.MUSCLE)
    _tube(canvas, path, radius - 4, Tissue.MUCOSA)
    up, back, size = TRUNK.bladder
    centre = (up, back, 0.0)
    _solid(canvas, Rod(centre, centre, size, (1.0, 1.1, 1.4)), Tissue.MUSCLE)
    _solid(canvas, Rod(centre, centre, size - 4, (1.0, 1.1, 1.4)), Tissue.CSF)


def paint_skin(canvas: Canvas, lines: Lines, rng: np.random.Generator) -> None:
    """Paint the wall of the belly, fat under the skin, the skin, and the air outside."""
    up, back, left = canvas.points
    step = float(canvas.axes[0][1] - canvas.axes[0][0])
    stout = float(rng.uniform())
    behind_fat, before_fat = (
        low + (high - low) * float(np.clip(stout + rng.normal(0, 0.15), 0, 1))
        for low, high in (TRUNK.back_fat, TRUNK.front_fat)
    )
    low_back = 1 + TRUNK.low_back * soft(up + 60, 45.0)
    tips = gaussian_filter1d(lines.tips[:, 0, 0], 22 / step, mode="nearest")[:, None, None]
    behind = tips + 3 + behind_fat * low_back + 5 * (1 - np.exp(-((left / 14) ** 2)))
    behind = np.minimum(behind, canvas.axes[1][-1] - 2 * step)  # air lies behind every back
    depth = TRUNK.front[0] + (TRUNK.front[1] - TRUNK.front[0]) * stout
    before = -depth - 10 * np.exp(-(((up + 45) / 70) ** 2)) + left**2 / 420
    _wall(canvas, (before + before_fat).astype(np.float32))
    outer = np.maximum(back - behind, before - back).astype(np.float32)
    canvas.paint(Tissue.SKIN, np.maximum(outer, -outer - TRUNK.skin))
    canvas.paint(Tissue.OUTSIDE, -outer)


def _wall(canvas: Canvas, start: Floats) -> None:
    """Paint fat up to ``start`` from before, and the muscle of the belly's wall behind it."""
    high = float(start.max()) + TRUNK.wall
    z, y, x = canvas.axes
    box = canvas.box((z[0] - 9, y[0] - 9, x[0] - 9), (z[-1] + 9, high, x[-1] + 9))
    _, back, _ = canvas.within(box)
    canvas.paint(Tissue.MUSCLE, back - start - TRUNK.wall, box=box)
    canvas.paint(Tissue.FAT, back - start, box=box)
