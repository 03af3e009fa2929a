"""The course of a spine: where each vertebra and each disc lies, and how it leans."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from train.phantom.body import Points
from train.phantom.fields import Floats
from train.phantom.shapes import Point
from train.phantom.spine.figures import DISC, HEALTH, LEVELS, SACRUM, SHAPE, SPREAD, Level
from train.phantom.spine.health import Health

__all__ = ["Bone", "Column", "Disc", "Frame", "draw_column"]

_MIDDLE = 7  # L3, the origin
_LEAST_MM = 1.4  # between two bodies, behind


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the midline that leans.

    Parameters
    ----------
    up, back : float
        Where it is, along (S, P).
    lean_deg : float
        By how much its upper end leans forwards.
    """

    up: float
    back: float
    lean_deg: float

    def local(self, at: Points) -> Points:
        """Return points (S, P, L) along (up, back, left) of the place."""
        cos, sin = self._turn()
        up, back = at[0] - np.float32(self.up), at[1] - np.float32(self.back)
        return _floats(up * cos - back * sin), _floats(up * sin + back * cos), at[2]

    def world(self, place: Point) -> Point:
        """Return a local point along (S, P, L)."""
        cos, sin = self._turn()
        up, back, left = place
        ahead = self.back - up * sin + back * cos
        return float(self.up + up * cos + back * sin), float(ahead), left

    def bounds(self, low: Point, high: Point) -> tuple[Point, Point]:
        """Return a box along (S, P, L) that holds a local one."""
        corners = [self.world((u, b, 0.0)) for u in (low[0], high[0]) for b in (low[1], high[1])]
        ups, backs = [c[0] for c in corners], [c[1] for c in corners]
        return (min(ups), min(backs), low[2]), (max(ups), max(backs), high[2])

    def _turn(self) -> tuple[float, float]:
        lean = np.radians(self.lean_deg)
        return float(np.cos(lean)), float(np.sin(lean))


@dataclass(frozen=True, slots=True)
class Bone:
    """One vertebra as a subject has it: its level's figures drawn, its body's middle placed.

    Parameters
    ----------
    frame : Frame
        Of the body.
    level : Level
        Sizes of this subject.
    lip : (above, below)
        By how much its edges stand out.
    """

    frame: Frame
    level: Level
    lip: tuple[float, float] = (0.0, 0.0)

    @property
    def wall(self) -> float:
        """How far behind its middle the posterior wall lies."""
        return SHAPE.back_wall * self.level.depth

    def plate(self, side: int) -> Frame:
        """Return the middle of the upper (1) or lower (-1) endplate, leaning as it does."""
        up, back, _ = self.frame.world((side * self.level.height / 2, 0.0, 0.0))
        return Frame(up, back, self.frame.lean_deg - side * self.level.wedge_deg / 2)


@dataclass(frozen=True, slots=True)
class Disc:
    """One disc: its middle, its sizes, and its state."""

    frame: Frame
    height: float
    depth: float
    width: float
    wedge_deg: float
    index: int


@dataclass(frozen=True, slots=True)
class Column:
    """All bones from top to bottom, the sacrum's last, and the discs between them."""

    bones: tuple[Bone, ...]
    discs: tuple[Disc, ...]

    @property
    def movable(self) -> tuple[Bone, ...]:
        """Return the vertebrae above the sacrum."""
        return self.bones[: len(LEVELS)]

    @property
    def sacral(self) -> tuple[Bone, ...]:
        """Return the sacrum's pieces, and the coccyx."""
        return self.bones[len(LEVELS) :]

    def named(self, name: str) -> Bone:
        """Return the vertebra of that name."""
        return next(bone for bone in self.bones if bone.level.name == name)

    def line(self, up: NDArray[np.float64], places: list[Point]) -> NDArray[np.float64]:
        """Return a smooth line through places of the midplane: how far back it is at ``up``."""
        points = np.array(sorted((place[0], place[1]) for place in places))
        apart = np.concatenate([[True], np.diff(points[:, 0]) > 0.5])
        curve = PchipInterpolator(points[apart, 0], points[apart, 1])
        first, last = points[0, 0], points[-1, 0]
        inside = np.clip(up, first, last)
        slope = np.where(up < first, curve(first, 1), curve(last, 1))
        return np.asarray(curve(inside) + np.clip(slope, -1, 1) * (up - inside))

    def along(self, up: NDArray[np.float64], values: list[float]) -> NDArray[np.float64]:
        """Return a figure of each bone, interpolated by height."""
        heights = [bone.frame.up for bone in self.bones]
        return np.interp(up, heights[::-1], values[::-1])


def _floats(values: NDArray[Any]) -> Floats:
    return np.asarray(values, dtype=np.float32)


def draw_column(rng: np.random.Generator, health: Health) -> Column:
    """Draw sizes and curvature, then stack the bones from L3 upwards and downwards."""
    curve = float(np.clip(rng.normal(*SPREAD.lordosis), 0.5, 1.35))
    sizes = [_sized(level, rng, curve) for level in LEVELS]
    for index, grade in enumerate(health.grades):
        left = DISC.height[grade - 1] * float(np.exp(rng.normal(0, SPREAD.disc)))
        sizes[index] = replace(sizes[index], disc=sizes[index].disc * left)
    if health.oedema == "fracture":
        sizes[health.at] = _broken(sizes[health.at], rng)
    sizes += [_sized(level, rng, 1.0) for level in SACRUM]
    lips = [DISC.lip[grade - 1] * rng.uniform(0.3, 1.2) for grade in health.grades]
    middle = Frame(0.0, 0.0, float(rng.normal(*SPREAD.tilt_deg)))
    bones = [Bone(middle, sizes[_MIDDLE])]
    discs: list[Disc] = []
    for index in range(_MIDDLE, len(sizes) - 1):
        disc, below = _next(bones[-1], sizes[index + 1], index, -1)
        bones.append(below)
        discs.append(disc)
    for index in range(_MIDDLE - 1, -1, -1):
        disc, above = _next(bones[0], sizes[index], index, 1)
        bones.insert(0, above)
        discs.insert(0, disc)
    return Column(tuple(_lipped(bones, lips)), tuple(discs))


def _lipped(bones: list[Bone], lips: list[float]) -> Iterator[Bone]:
    """Give each bone the osteophytes of the discs above and below it."""
    around = [0.0, *lips, *[0.0] * (len(bones) - len(lips))]
    for index, bone in enumerate(bones):
        yield replace(bone, lip=(around[index], around[index + 1]))


def _sized(level: Level, rng: np.random.Generator, curve: float) -> Level:
    tall, deep, wide = np.exp(rng.normal(0, SPREAD.height, 3))
    canal = np.exp(rng.normal(0, SPREAD.canal / 2, 2))
    return replace(
        level,
        height=level.height * float(tall),
        depth=level.depth * float(deep),
        width=level.width * float(wide),
        wedge_deg=level.wedge_deg * curve,
        disc_deg=level.disc_deg * curve,
        canal=(level.canal[0] * float(canal[0]), level.canal[1] * float(canal[1])),
    )


def _broken(level: Level, rng: np.random.Generator) -> Level:
    """Return a vertebra that has lost height, in front more than behind."""
    lost, bent = rng.uniform(*HEALTH.fracture_loss), rng.uniform(*HEALTH.fracture_deg)
    return replace(
        level, height=level.height * (1 - float(lost)), wedge_deg=level.wedge_deg - float(bent)
    )


def _next(bone: Bone, level: Level, index: int, side: int) -> tuple[Disc, Bone]:
    """Return the disc above (1) or below (-1) ``bone``, and the bone beyond it.

    The disc is that of level ``index``. A thin disc opens less: bodies never meet behind.
    """
    upper = level if side > 0 else bone.level
    depth, width = (bone.level.depth + level.depth) / 2, (bone.level.width + level.width) / 2
    most = np.degrees(2 * np.arctan(max(upper.disc / 2 - _LEAST_MM / 2, 0.1) / (depth / 2)))
    wedge = float(np.clip(upper.disc_deg, -most, most))
    plate = bone.plate(side)
    lean = plate.lean_deg - side * wedge / 2
    middle = Frame(plate.up, plate.back, lean).world((side * upper.disc / 2, 0.0, 0.0))
    disc = Disc(Frame(middle[0], middle[1], lean), upper.disc, depth, width, wedge, index)
    facing = disc.frame.world((side * upper.disc / 2, 0.0, 0.0))
    lean -= side * (wedge + level.wedge_deg) / 2
    up, back, _ = Frame(facing[0], facing[1], lean).world((side * level.height / 2, 0.0, 0.0))
    return disc, Bone(Frame(up, back, lean), level)
