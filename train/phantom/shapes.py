"""Bodies by their signed distance, in millimetres along (S, P, L); negative inside.

Distances are exact on the surface and good near it, which is all that edges of one voxel need.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeAlias

import numpy as np

from train.phantom.fields import Floats

__all__ = ["Arch", "Capsule", "Ellipsoid", "Point", "Shape", "blend"]

Point: TypeAlias = tuple[float, float, float]
"""Up, back, left: millimetres along (S, P, L) from the template's origin."""


class Shape(Protocol):
    """A body that can be measured from anywhere."""

    def distance(self, at: tuple[Floats, Floats, Floats]) -> Floats:
        """Signed distance in mm of points (S, P, L), given as arrays that broadcast."""

    def bounds(self) -> tuple[Point, Point]:
        """Lowest and highest corner of a box around it."""

    def moved(self, by: Point, *, grown: float) -> Self:
        """Return the same body moved by ``by`` mm, its thickness times ``grown``."""

    def mirrored(self) -> Self:
        """Return the same body on the other side of the head."""


def blend(one: Floats, other: Floats, width_mm: float) -> Floats:
    """Union of two bodies, their meeting rounded over ``width_mm``."""
    near = np.clip(width_mm - np.abs(one - other), 0, None) / width_mm
    return np.asarray(np.minimum(one, other) - near**2 * (width_mm / 4), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """Centre and three radii; ``lean_deg`` turns its upper end backwards about the L axis."""

    centre: Point
    radii: Point
    lean_deg: float = 0.0

    def distance(self, at: tuple[Floats, Floats, Floats]) -> Floats:
        """See :class:`Shape`."""
        up, back, left = (axis - middle for axis, middle in zip(at, self.centre, strict=True))
        if self.lean_deg:
            cos, sin = np.cos(np.radians(self.lean_deg)), np.sin(np.radians(self.lean_deg))
            up, back = up * cos + back * sin, back * cos - up * sin
        z, y, x = self.radii
        level = np.sqrt((up / z) ** 2 + (back / y) ** 2 + (left / x) ** 2)
        slope = np.sqrt((up / z**2) ** 2 + (back / y**2) ** 2 + (left / x**2) ** 2)
        level, slope = np.maximum(level, 1e-6), np.maximum(slope, 1e-6 / min(self.radii))
        return np.asarray(level * (level - 1) / slope, dtype=np.float32)

    def bounds(self) -> tuple[Point, Point]:
        """See :class:`Shape`."""
        reach = np.array(self.radii)
        if self.lean_deg:
            reach[:2] = max(self.radii[:2])
        return _box([self.centre], reach)

    def moved(self, by: Point, *, grown: float) -> Self:
        """See :class:`Shape`."""
        z, y, x = self.radii
        return replace(self, centre=_plus(self.centre, by), radii=(z * grown, y * grown, x * grown))

    def mirrored(self) -> Self:
        """See :class:`Shape`."""
        return replace(self, centre=_other_side(self.centre))


@dataclass(frozen=True, slots=True)
class Capsule:
    """A rod from ``start`` to ``end`` with round ends.

    Parameters
    ----------
    radius : (float, float)
        At start and end.
    flat : float
        How many times thinner it is from side to side (along L).
    """

    start: Point
    end: Point
    radius: tuple[float, float]
    flat: float = 1.0

    def distance(self, at: tuple[Floats, Floats, Floats]) -> Floats:
        """See :class:`Shape`."""
        scale = np.array([1.0, 1.0, self.flat])
        line = (np.array(self.end) - np.array(self.start)) * scale
        away = [(at[i] - self.start[i]) * scale[i] for i in range(3)]
        share = sum(away[i] * line[i] for i in range(3)) / max(float(line @ line), 1e-6)
        share = np.clip(share, 0, 1)
        gap = np.sqrt(sum((away[i] - share * line[i]) ** 2 for i in range(3)))
        first, last = self.radius
        return np.asarray((gap - first - share * (last - first)) / self.flat, dtype=np.float32)

    def bounds(self) -> tuple[Point, Point]:
        """See :class:`Shape`."""
        return _box([self.start, self.end], np.full(3, max(self.radius)))

    def moved(self, by: Point, *, grown: float) -> Self:
        """See :class:`Shape`."""
        radius = (self.radius[0] * grown, self.radius[1] * grown)
        return replace(self, start=_plus(self.start, by), end=_plus(self.end, by), radius=radius)

    def mirrored(self) -> Self:
        """See :class:`Shape`."""
        return replace(self, start=_other_side(self.start), end=_other_side(self.end))


@dataclass(frozen=True, slots=True)
class Arch:
    """A tube bent like a row of teeth: half an ellipse in front, straight arms behind.

    Parameters
    ----------
    centre : Point
        Of the ellipse.
    radii : (float, float)
        Of the ellipse, along P and L.
    tube : (float, float)
        Half height and half width of the tube.
    reach_mm : float
        Length of the arms.
    """

    centre: Point
    radii: tuple[float, float]
    tube: tuple[float, float]
    reach_mm: float

    def distance(self, at: tuple[Floats, Floats, Floats]) -> Floats:
        """See :class:`Shape`."""
        up, back, left = (axis - middle for axis, middle in zip(at, self.centre, strict=True))
        deep, wide = self.radii
        ahead, behind = np.minimum(back, 0), np.clip(back - self.reach_mm, 0, None)
        level = np.sqrt((ahead / deep) ** 2 + (left / wide) ** 2)
        slope = np.sqrt((ahead / deep**2) ** 2 + (left / wide**2) ** 2)
        across = level * (level - 1) / np.maximum(slope, 1e-6)
        across = np.sqrt(across**2 + behind**2)
        tall, thick = self.tube
        round_ = np.sqrt((up / tall) ** 2 + (across / thick) ** 2)
        return np.asarray((round_ - 1) * min(tall, thick), dtype=np.float32)

    def bounds(self) -> tuple[Point, Point]:
        """See :class:`Shape`."""
        (deep, wide), (tall, thick) = self.radii, self.tube
        low = (-tall, -deep - thick, -wide - thick)
        high = (tall, self.reach_mm + thick, wide + thick)
        return _plus(self.centre, low), _plus(self.centre, high)

    def moved(self, by: Point, *, grown: float) -> Self:
        """See :class:`Shape`."""
        tube = (self.tube[0] * grown, self.tube[1] * grown)
        return replace(self, centre=_plus(self.centre, by), tube=tube)

    def mirrored(self) -> Self:
        """See :class:`Shape`."""
        return replace(self, centre=_other_side(self.centre))


def _plus(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1], point[2] + by[2]


def _other_side(point: Point) -> Point:
    return point[0], point[1], -point[2]


def _box(points: Iterable[Point], reach: np.ndarray) -> tuple[Point, Point]:
    corners = np.array(list(points))
    low, high = corners.min(axis=0) - reach, corners.max(axis=0) + reach
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])
