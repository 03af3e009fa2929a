"""What the spinal canal holds: fat, sac, cord and roots, and the ligaments around it."""

import numpy as np

from train.phantom.body import Box, Canvas, Points
from train.phantom.fields import Floats, smooth_noise
from train.phantom.spine.column import Column
from train.phantom.spine.figures import CANAL, LEVELS
from train.phantom.spine.lines import Lines
from train.phantom.spine.solids import Rod, soft
from train.phantom.tissues import Tissue

__all__ = ["paint_canal", "paint_foramina", "paint_ligaments"]


def paint_foramina(canvas: Canvas, column: Column) -> None:
    """Paint the holes between pedicles: fat, and a root near the top of each."""
    tall, deep, wide = CANAL.foramen
    for disc, bone in zip(column.discs[: len(LEVELS)], column.movable, strict=True):
        back = bone.wall + 0.35 * bone.level.canal[0]
        left = bone.level.canal[1] / 2 + 3.0
        for side in (1.0, -1.0):
            hole = Rod((4.0, back, side * (left - 2)), (4.0, back, side * (left + 12)), deep)
            grown = Rod(hole.start, hole.end, deep, (tall / deep, 1.0, wide / deep / 2))
            box = canvas.box(*disc.frame.bounds(*grown.bounds()))
            at = disc.frame.local(canvas.within(box))
            canvas.paint(Tissue.FAT, grown.distance(at), box=box)
            root = Rod((7.0, back, side * left), (3.5, back + 1, side * (left + 12)), CANAL.nerve)
            canvas.paint(Tissue.CORD, root.distance(at), box=box)


def paint_canal(canvas: Canvas, column: Column, lines: Lines, rng: np.random.Generator) -> None:
    """Paint the canal from outside in: yellow ligament, fat, dura, fluid, then cord and roots."""
    half = float(lines.wide.max()) / 2 + 3
    low, high = float(lines.wall.min()), float((lines.wall + 2 * lines.deep).max())
    z = canvas.axes[0]
    box = canvas.box((float(z[0]) - 9, low, -half), (float(z[-1]) + 9, high, half))
    at = canvas.within(box)
    back = lines.behind_wall(at, box[0])
    room = _room(lines, back, at[2])
    flavum = room - CANAL.flavum * np.clip(lines.roof / CANAL.roof[0], 0, 1)
    behind = np.where(back > lines.deep / 2, flavum, np.float32(99))
    fibres = CANAL.flavum_share * np.clip(0.5 - behind / canvas.step_mm, 0, 1)
    canvas.cover(Tissue.LIGAMENT, fibres.astype(np.float32), box=box)
    canvas.paint(Tissue.FAT, room, box=box)
    sac, depth = _sac(column, lines, (at[0], back, at[2]), rng)
    canvas.paint(Tissue.LIGAMENT, sac - CANAL.dura, box=box)
    canvas.paint(Tissue.CSF, sac, box=box)
    _nerves(canvas, column, (box, at[0], depth, at[2]), rng)


def _room(lines: Lines, back: Floats, left: Floats) -> Floats:
    """Distance to the canal's wall: flat in front, round at the sides, a gable behind."""
    aside = np.abs(left)
    end = lines.deep + lines.roof + 1.5
    gable = back - end + CANAL.cone * np.clip(aside - 1.5, 0, None)
    middle = lines.deep / 2
    ring = np.hypot((back - middle) / middle, left / (lines.wide / 2)) - 1
    side = np.minimum(ring * middle, np.maximum(aside - 5, np.abs(back - middle) - 2 * middle))
    return np.asarray(np.maximum(np.maximum(gable, side), -back - 0.5), dtype=np.float32)


def _sac(
    column: Column, lines: Lines, at: Points, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the distance to the sac, and how far behind its middle points lie in half depths."""
    up, back, left = at
    names = ("L2", "L3", "L4", "L5", "S1", "S2", "S3")
    heights = np.array([column.named(name).frame.up for name in names])
    gap = np.interp(up, heights[::-1], CANAL.behind_l5[::-1]).astype(np.float32)
    sway = np.exp(rng.normal(0, CANAL.sac_sway, 2)).astype(np.float32)
    deep = lines.deep * np.minimum(np.float32(CANAL.sac[0]) * sway[0], 0.92) / 2
    wide = lines.wide * np.minimum(np.float32(CANAL.sac[1]) * sway[1], 0.92) / 2
    last = column.named("S2").frame.up + float(rng.normal(0, 9))
    taper = np.sqrt(np.clip((up - last) / CANAL.sac_end, 1e-4, 1)).astype(np.float32)
    deep = np.minimum(deep, np.clip((lines.deep - gap) / 2, 1, None)) * taper
    wide = wide * taper
    place = (back - gap - deep / taper) / deep
    level = np.hypot(place, left / wide)
    return np.asarray((level - 1) * deep, dtype=np.float32), np.asarray(place, dtype=np.float32)


_Inside = tuple[Box, Floats, Floats, Floats]
"""A box of the canvas; in it height, place behind the sac's middle, and distance to the left."""


def _nerves(canvas: Canvas, column: Column, inside: _Inside, rng: np.random.Generator) -> None:
    """Paint the cord down to its tip, and the roots that hang from it on the back of the sac."""
    box, up, place, left = inside
    first = column.named("L1")
    tip = first.frame.up - first.level.height / 3 + float(rng.normal(0, CANAL.conus_sd))
    above = up - tip
    more, where, over = CANAL.enlargement
    size = (1 + more * np.exp(-(((above - where) / over) ** 2))) * float(
        np.exp(rng.normal(0, 0.06))
    )
    taper = np.sqrt(np.clip(above / CANAL.cone_mm, 1e-4, 1)) * size
    wide, deep = CANAL.cord
    upper, lower = CANAL.cord_place
    middle = upper + (lower - upper) * np.clip(1 - above / 90, 0, 1)
    half = np.float32(6.5)  # of a usual sac, to turn its shares into mm
    level = np.hypot((place - middle) * half / (deep * taper), left / (wide * taper))
    cord = np.asarray((level - 1) * deep * taper, dtype=np.float32)
    canvas.turn(Tissue.CSF, Tissue.CORD, np.clip(0.5 - cord / canvas.step_mm, 0, 1), box=box)
    canvas.turn(Tissue.CSF, Tissue.CORD, _roots(canvas, column, inside, (tip, rng)), box=box)


def _roots(
    canvas: Canvas, column: Column, inside: _Inside, below: tuple[float, np.random.Generator]
) -> Floats:
    """Return the share of fluid that roots take: threads along the sac, fewer downwards."""
    box, up, place, left = inside
    tip, rng = below
    across, along = CANAL.root_mm
    z, y, x = (axis[part] for axis, part in zip(canvas.axes, box, strict=True))
    threads = smooth_noise(rng, (z * (across / along), y, x), across)
    most, least = CANAL.roots
    sacrum = column.named("S1").frame.up
    share = np.interp(up, [sacrum - 30, sacrum, tip - 5, tip + 30], [0.0, least, most, 0.2])
    behind = soft(np.float32(0.15) - place, 0.3) * (np.hypot(place, left / 9) < 1)
    dense = np.clip(0.55 + 0.45 * threads, 0, 1)
    return np.asarray(share * behind * dense, dtype=np.float32)


def paint_ligaments(canvas: Canvas, lines: Lines) -> None:
    """Paint the two long ligaments: dark bands before the bodies and behind them."""
    low, high = float(lines.front.min()), float(lines.wall.max())
    z = canvas.axes[0]
    box = canvas.box((float(z[0]) - 9, low, -14.0), (float(z[-1]) + 9, high, 14.0))
    at = canvas.within(box)
    before, behind = CANAL.longitudinal
    aside = np.abs(at[2])
    ahead = (at[1] - lines.front[box[0]]) * lines.cos[box[0]] - aside**2 / CANAL.round_mm
    front = np.abs(ahead + 0.2) - before / 2
    back = np.abs(lines.behind_wall(at, box[0]) - 0.2) - behind / 2
    for band, half in ((front, 12.0), (back, 7.0)):
        edge = np.maximum(band, aside - half)
        canvas.cover(Tissue.LIGAMENT, np.clip(0.5 - edge / canvas.step_mm, 0, 0.8), box=box)
