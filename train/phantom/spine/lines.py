"""Lines down a spine, as functions of height: where the canal runs, how wide it is, what ends it.

Below S1 the spine leans by up to half a right angle; lengths across it are measured square to it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from train.phantom.body import Points
from train.phantom.fields import Axes, Floats
from train.phantom.shapes import Point
from train.phantom.spine.column import Bone, Column, Disc
from train.phantom.spine.figures import CANAL, LEVELS, SHAPE, TRUNK

__all__ = ["Lines", "lines_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
    """Figures of each height of the canvas, as arrays (Z, 1, 1).

    Parameters
    ----------
    front, wall, tips : (Z, 1, 1)
        How far back the bodies begin, the canal begins, and the spinous processes end.
    cos : (Z, 1, 1)
        Of how much the canal leans.
    deep, wide : (Z, 1, 1)
        Of the canal.
    roof : (Z, 1, 1)
        How much deeper it is between the arches.
    """

    front: Floats
    wall: Floats
    tips: Floats
    cos: Floats
    deep: Floats
    wide: Floats
    roof: Floats

    def behind_wall(self, at: Points, heights: slice) -> Floats:
        """Return how far behind the bodies points lie, square to the canal."""
        return np.asarray((at[1] - self.wall[heights]) * self.cos[heights], dtype=np.float32)


def lines_of(column: Column, axes: Axes) -> Lines:
    """Return the lines of a column at the heights of ``axes``."""
    up = axes[0]
    front = column.line(up, list(_edges(column, -0.5)))
    wall = column.line(up, list(_edges(column, SHAPE.back_wall)))
    slope = np.gradient(wall, up)
    tips = column.line(up, [_tip(bone, movable=bone in column.movable) for bone in column.bones])
    tips = gaussian_filter1d(tips, TRUNK.tips_mm / (up[1] - up[0]), mode="nearest")
    deep = column.along(up, [bone.level.canal[0] for bone in column.bones])
    wide = column.along(up, [bone.level.canal[1] for bone in column.bones])
    tall, over = CANAL.roof
    roof = np.zeros_like(up)
    for disc in column.discs[: len(LEVELS)]:
        roof += np.exp(-(((up - disc.frame.up + 2) / over) ** 2))
    lumbar = np.clip((column.named("T10").frame.up - up) / 60, 0.35, 1)
    made = (front, wall, tips, 1 / np.hypot(1, slope), deep, wide, tall * roof * lumbar)
    return Lines(*(np.asarray(line, dtype=np.float32)[:, None, None] for line in made))


def _edges(column: Column, depths: float) -> list[Point]:
    """Return places of all bones and discs, ``depths`` behind their middle."""
    parts: list[Bone | Disc] = [*column.bones, *column.discs]
    return [part.frame.world((0.0, depths * _depth(part), 0.0)) for part in parts]


def _depth(part: Bone | Disc) -> float:
    return part.level.depth if isinstance(part, Bone) else part.depth


def _tip(bone: Bone, *, movable: bool) -> Point:
    """Return where the spinous process ends, or the sacrum's crest."""
    length, drop = bone.level.spinous
    if not movable:
        behind = bone.wall + bone.level.canal[0] + 2 * SHAPE.sacral_wall[0]
        return bone.frame.world((0.0, behind + length, 0.0))
    up, back = SHAPE.spinous_root
    behind = bone.wall + back * bone.level.canal[0] + length + TRUNK.supraspinous
    return bone.frame.world(((up - drop) * bone.level.height, behind, 0.0))
