"""Vertebrae and sacrum: shells of compact bone, marrow with the subject's fat, its lesions."""

from collections.abc import Iterator

import numpy as np

from train.phantom.body import Box, Canvas
from train.phantom.fields import Floats
from train.phantom.spine.column import Bone, Column, Frame
from train.phantom.spine.figures import ARCH, HEALTH, LEVELS, SHAPE
from train.phantom.spine.health import Health
from train.phantom.spine.solids import Block, Rod, Solid, soft
from train.phantom.tissues import Tissue

__all__ = ["paint_arches", "paint_bodies"]


def paint_arches(canvas: Canvas, column: Column, health: Health) -> None:
    """Paint pedicles, joints, laminae and processes, and what lies beside and behind the sacrum."""
    for bone, fat in zip(column.bones, _fat_of(column, health), strict=True):
        for solid in _arch(bone) if bone in column.movable else _sacral(bone):
            _bone(canvas, bone.frame, solid, SHAPE.arch_shell, fat)


def paint_bodies(
    canvas: Canvas, column: Column, health: Health, noise: Floats, rng: np.random.Generator
) -> None:
    """Paint the bodies, then what is wrong with them.

    Parameters
    ----------
    noise : (Z, Y, X)
        Of mean 0 and variance 1, over some millimetres: marrow is uneven.
    """
    fats = _fat_of(column, health)
    for index, (bone, fat) in enumerate(zip(column.bones, fats, strict=True)):
        block = Block(bone)
        box = _box(canvas, bone.frame, block)
        at = bone.frame.local(canvas.within(box))
        distance, ends = block.distance(at), block.ends(at)
        canvas.paint(Tissue.CORTICAL, distance, box=box)
        inner = np.maximum(distance + SHAPE.shell, ends + SHAPE.endplate)
        uneven = np.clip(fat + HEALTH.marrow_spots * noise[box], 0, 0.9).astype(np.float32)
        marrow = np.clip(0.5 - inner / canvas.step_mm, 0, 1)
        canvas.cover(Tissue.SPONGY, marrow, box=box)
        canvas.turn(Tissue.SPONGY, Tissue.FAT, uneven * marrow, box=box)
        _vein(canvas, bone)
        _endplates(canvas, index, health, (box, at[0], ends, marrow), noise)
        if health.oedema == "fracture" and index == health.at:
            _fracture(canvas, bone, (box, at[0], ends, marrow), noise, rng)
        if index == health.haemangioma:
            _haemangioma(canvas, bone, rng)


def _fat_of(column: Column, health: Health) -> list[float]:
    """Return the share of added fat of each bone; the sacrum's pieces are alike."""
    more = len(column.bones) - len(health.fat)
    return [*health.fat, *[health.fat[-1]] * more]


def _box(canvas: Canvas, frame: Frame, solid: Solid) -> Box:
    return canvas.box(*frame.bounds(*solid.bounds()))


def _bone(canvas: Canvas, frame: Frame, solid: Solid, shell_mm: float, fat: float) -> None:
    """Paint one solid of bone: its shell, then marrow."""
    box = _box(canvas, frame, solid)
    distance = solid.distance(frame.local(canvas.within(box)))
    canvas.paint(Tissue.CORTICAL, distance, box=box)
    marrow = np.clip(0.5 - (distance + shell_mm) / canvas.step_mm, 0, 1)
    canvas.cover(Tissue.SPONGY, marrow, box=box)
    canvas.turn(Tissue.SPONGY, Tissue.FAT, np.float32(min(fat + 0.1, 0.9)) * marrow, box=box)


def _arch(bone: Bone) -> Iterator[Solid]:
    """Yield the rods behind one vertebra, in mm from its body's middle."""
    height, (deep, wide) = bone.level.height, bone.level.canal
    for part in ARCH:
        ends = [
            (up * height, bone.wall + back * deep, left * wide / 2)
            for up, back, left in (part.start, part.end)
        ]
        rod = Rod(ends[0], ends[1], part.radius, part.squash)
        yield rod
        yield rod.mirrored()
    (up, back), (length, drop) = SHAPE.spinous_root, bone.level.spinous
    half, tall = SHAPE.spinous_half
    if bone.level.name.startswith("T"):
        tall = SHAPE.spinous_thoracic
    root = (up * height, bone.wall + back * deep, 0.0)
    tip = ((up - drop) * height, root[1] + length - half, 0.0)
    yield Rod(root, tip, half, (tall, 1.0, 1.0))


def _sacral(bone: Bone) -> Iterator[Solid]:
    """Yield the bone behind a piece of the sacrum, and its side parts."""
    (deep, wide), (half, broad) = bone.level.canal, SHAPE.sacral_wall
    behind = bone.wall + deep + half
    if bone.level.spinous[0] > 0:
        start, end = (bone.level.height / 2, behind, 0.0), (-bone.level.height / 2, behind, 0.0)
        yield Rod(start, end, half, (1.0, 1.0, broad))
        crest = (0.0, behind + bone.level.spinous[0], 0.0)
        yield Rod((0.0, behind, 0.0), crest, half / 2, (2.0, 1.0, 1.0))
    aside, tall, thick, reach = SHAPE.ala
    if bone.level.name == "S1":
        rod = Rod((0, 4, aside), (-2, 8, aside + 8), thick, (tall / thick, 1, reach / thick / 1.6))
        yield rod
        yield rod.mirrored()
    elif bone.level.name in ("S2", "S3"):
        left = wide / 2 + bone.level.width / 3
        rod = Rod((0, 3, left), (0, 5, left + 12), bone.level.height / 3)
        yield rod
        yield rod.mirrored()


def _vein(canvas: Canvas, bone: Bone) -> None:
    """Paint the basivertebral vein: slow blood, wet on every contrast, in a cleft from behind."""
    half, share = SHAPE.vein
    depth = bone.level.depth / 2
    start, end = (0.0, bone.wall, 0.0), (0.0, bone.wall - share * depth, 0.0)
    if bone.level.name.startswith(("S", "C")):
        return
    rod = Rod(start, end, half / 2, (1.0, 1.0, 2.4))
    box = _box(canvas, bone.frame, rod)
    up, back, left = bone.frame.local(canvas.within(box))
    taper = np.clip((bone.wall - back) / (share * depth), 0, 1)
    canvas.paint(Tissue.MUCOSA, rod.distance((up, back, left)) + 1.1 * taper, box=box)


_Within = tuple[Box, Floats, Floats, Floats]
"""A box of the canvas; in it height, distance beyond the endplates, and share of marrow."""


def _swell(canvas: Canvas, within: _Within, share: Floats) -> None:
    """Turn a share of a body's marrow, red and yellow, into oedema."""
    box, _, _, marrow = within
    for old in (Tissue.SPONGY, Tissue.FAT):
        canvas.turn(old, Tissue.OEDEMA, share * marrow, box=box)


def _endplates(canvas: Canvas, index: int, health: Health, within: _Within, noise: Floats) -> None:
    """Paint what the discs above and below have done: oedema, or fat in its stead."""
    box, up, ends, marrow = within
    swollen = health.oedema == "endplate"
    for disc, side in ((index - 1, 1), (index, -1)):
        if not 0 <= disc < len(LEVELS):
            continue
        below, above, share = health.zones[disc]
        deep = below if side > 0 else above
        near = np.where(side * up > 0, -ends, np.float32(99)) + 2.5 * noise[box] - deep
        zone = np.float32(share) * soft(near, HEALTH.zone_edge)
        if swollen and disc == health.at:
            _swell(canvas, within, zone)
        elif health.fatty[disc]:
            canvas.turn(Tissue.SPONGY, Tissue.FAT, zone * marrow, box=box)


def _fracture(
    canvas: Canvas, bone: Bone, within: _Within, noise: Floats, rng: np.random.Generator
) -> None:
    """Paint a fresh fracture: oedema of nearly the whole body, and the dark line of the break."""
    box, up, _, marrow = within
    share = rng.uniform(*HEALTH.fracture_share) + 0.18 * noise[box]
    _swell(canvas, within, np.clip(share, 0, 1).astype(np.float32))
    at = bone.level.height * float(rng.uniform(0.12, 0.3))
    line = np.abs(up - at - 1.4 * noise[box]) - HEALTH.fracture_line
    crack = soft(line.astype(np.float32), 0.6) * marrow
    canvas.turn(Tissue.OEDEMA, Tissue.LIGAMENT, 0.7 * crack, box=box)


def _haemangioma(canvas: Canvas, bone: Bone, rng: np.random.Generator) -> None:
    """Paint a round nest of vessels and fat, bright in T1 and T2."""
    radius = float(rng.uniform(3.5, 7.0))
    size = bone.level
    centre = (
        float(rng.uniform(-0.15, 0.15)) * size.height,
        float(rng.uniform(-0.2, 0.15)) * size.depth,
        float(rng.uniform(-0.2, 0.2)) * size.width,
    )
    ball = Rod(centre, centre, radius)
    box = _box(canvas, bone.frame, ball)
    inside = soft(ball.distance(bone.frame.local(canvas.within(box))), 1.0)
    canvas.turn(Tissue.SPONGY, Tissue.FAT, 0.9 * inside, box=box)
    canvas.turn(Tissue.FAT, Tissue.MUCOSA, 0.3 * inside, box=box)
