"""Bodies of vertebrae, rods of their arches: signed distances in a vertebra's own coordinates."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from train.phantom.body import Points
from train.phantom.fields import Floats
from train.phantom.shapes import Point
from train.phantom.spine.column import Bone
from train.phantom.spine.figures import SHAPE

__all__ = ["Block", "Rod", "Solid", "footprint", "soft"]


class Solid(Protocol):
    """A body that can be measured, along (up, back, left) in mm."""

    def distance(self, at: Points) -> Floats:
        """Signed distance of points given as arrays that broadcast; negative inside."""

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner of a box around it."""


def soft(distance_mm: Floats, over_mm: float) -> Floats:
    """Return 1 deep inside and 0 far outside, half on the surface, over a stated length."""
    return np.asarray(0.5 - 0.5 * np.tanh(distance_mm / over_mm), dtype=np.float32)


def footprint(back: Floats, left: Floats, depth: float, width: float) -> tuple[Floats, Floats]:
    """Return the distance to a vertebra's outline seen from above, and its level (1 on it)."""
    power = np.float32(SHAPE.roundness)
    level = (np.abs(back) * (2 / depth)) ** power + (np.abs(left) * (2 / width)) ** power
    level = np.asarray(level ** (1 / power), dtype=np.float32)
    deep, wide = SHAPE.notch
    wall = SHAPE.back_wall * depth - deep * np.exp(-((left / wide) ** 2))
    ring = (level - 1) * (min(depth, width) / 2)
    out = np.maximum(ring, back - wall)
    return np.asarray(out, dtype=np.float32), np.asarray(level, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Block:
    """The body of a vertebra: waisted, its endplates hollow, its edges round."""

    bone: Bone

    def distance(self, at: Points) -> Floats:
        """See :class:`Solid`."""
        up, back, left = at
        size = self.bone.level
        out, level = footprint(back, left, size.depth, size.width)
        share = np.clip(np.abs(up) / (size.height / 2), 0, 1)
        above, below = self.bone.lip
        lip = np.where(up > 0, np.float32(above), np.float32(below)) * share**8
        side = out + np.float32(SHAPE.waist) * (1 - share**2) - lip
        edge, rim = np.float32(SHAPE.corner), self.ends(at, level)
        beyond = np.hypot(np.maximum(rim + edge, 0), np.maximum(side + edge, 0))
        within = np.minimum(np.maximum(rim, side) + edge, 0)
        return np.asarray(beyond + within - edge, dtype=np.float32)

    def ends(self, at: Points, level: Floats | None = None) -> Floats:
        """Return how far beyond the nearer endplate points lie; negative between the two."""
        up, back, left = at
        size = self.bone.level
        if level is None:
            _, level = footprint(back, left, size.depth, size.width)
        hollow = np.float32(SHAPE.hollow) * np.clip(1 - level**2, 0, 1)
        slope = np.float32(np.tan(np.radians(size.wedge_deg / 2)))
        return np.asarray(np.abs(up) - size.height / 2 + back * slope + hollow, dtype=np.float32)

    def bounds(self) -> tuple[Point, Point]:
        """See :class:`Solid`."""
        size, more = self.bone.level, 2 + max(self.bone.lip)
        half = (size.height / 2 + 3, size.depth / 2 + more, size.width / 2 + more)
        return (-half[0], -half[1], -half[2]), half


@dataclass(frozen=True, slots=True)
class Rod:
    """A rod with round ends, thicker along some directions by ``squash``."""

    start: Point
    end: Point
    radius: float
    squash: Point = (1.0, 1.0, 1.0)

    def distance(self, at: Points) -> Floats:
        """See :class:`Solid`; exact along the direction in which it is thinnest."""
        scale = 1 / np.array(self.squash, dtype=np.float32)
        start = np.array(self.start, dtype=np.float32) * scale
        line = np.array(self.end, dtype=np.float32) * scale - start
        away = [axis * by - first for axis, by, first in zip(at, scale, start, strict=True)]
        share = sum(one * along for one, along in zip(away, line, strict=True))
        share = np.clip(share / max(float(line @ line), 1e-6), 0, 1)
        gap = sum((one - share * along) ** 2 for one, along in zip(away, line, strict=True))
        return np.asarray(np.sqrt(gap) - self.radius, dtype=np.float32)

    def bounds(self) -> tuple[Point, Point]:
        """See :class:`Solid`."""
        ends = np.array([self.start, self.end])
        reach = self.radius * np.array(self.squash)
        low, high = ends.min(axis=0) - reach, ends.max(axis=0) + reach
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def mirrored(self) -> "Rod":
        """Return the same rod on the other side."""
        (a, b, c), (d, e, f) = self.start, self.end
        return Rod((a, b, -c), (d, e, -f), self.radius, self.squash)
