"""Smooth random fields, and the smooth invertible maps made of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

__all__ = ["Axes", "Floats", "Placement", "Warp", "between", "rotation", "smooth_noise"]

Floats = NDArray[np.float32]
Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Positions along (Z, Y, X) in millimetres; a grid is their product."""

_DEVIATION = (151 / 315) ** 1.5
"""Standard deviation of a cubic B-spline with random coefficients of variance 1, in 3D."""
_SQUARINGS = 6


def smooth_noise(rng: np.random.Generator, axes: Axes, length_mm: float) -> Floats:
    """Return a random field of mean 0 and variance 1 that changes over about ``length_mm``.

    A cubic B-spline whose coefficients, one every ``length_mm``, are drawn from N(0, 1).

    Shapes
    ------
    return : (Z, Y, X)
    """
    counts = [int(np.ceil((axis[-1] - axis[0]) / length_mm)) + 4 for axis in axes]
    field = rng.standard_normal(counts).astype(np.float32)
    for place, (axis, count) in enumerate(zip(axes, counts, strict=True)):
        field = _along(field, place, _spline(axis, length_mm, count))
    return (field / np.float32(_DEVIATION)).astype(np.float32)


def _spline(axis: NDArray[np.float64], length_mm: float, count: int) -> Floats:
    """Matrix (positions, coefficients) of cubic B-splines."""
    at = (axis - axis[0]) / length_mm + 1
    away = np.abs(at[:, None] - np.arange(count)[None, :])
    near, far = 2 / 3 - away**2 + away**3 / 2, np.clip(2 - away, 0, None) ** 3 / 6
    return np.asarray(np.where(away < 1, near, far), dtype=np.float32)


def _along(field: Floats, place: int, weights: Floats) -> Floats:
    """Multiply axis ``place`` of ``field`` by ``weights`` (out, in)."""
    moved = np.moveaxis(field, place, 0)
    made = weights @ moved.reshape(moved.shape[0], -1)
    return np.moveaxis(made.reshape(weights.shape[0], *moved.shape[1:]), 0, place)


def between(coarse: Floats, places: Axes) -> Floats:
    """Return ``coarse`` (C, z, y, x) linearly interpolated at the product of ``places``.

    Parameters
    ----------
    places : Axes
        Fractional indices into ``coarse`` along each axis.

    Shapes
    ------
    return : (C, Z, Y, X)
    """
    field = coarse
    for place, at in enumerate(places, start=1):
        away = np.abs(at[:, None] - np.arange(field.shape[place])[None, :])
        field = _along(field, place, np.clip(1 - away, 0, None).astype(np.float32))
    return field


@dataclass(frozen=True, eq=False, slots=True)
class Warp:
    """A smooth invertible map of space, as displacements on a coarse lattice.

    Parameters
    ----------
    axes : Axes
        Positions of the lattice along (Z, Y, X) in mm.
    shift_mm : (3, z, y, x)
        Displacement along (Z, Y, X).
    """

    axes: Axes
    shift_mm: Floats

    @classmethod
    def of(cls, velocity_mm: Floats, axes: Axes) -> "Warp":
        """Follow a still velocity field for one unit of time.

        Half a step is small enough to be its own map; each squaring doubles the time.

        References
        ----------
        Arsigny et al. 2006, MICCAI, LNCS 4190:924: scaling and squaring.
        """
        shift = np.asarray(velocity_mm / 2**_SQUARINGS, dtype=np.float32)
        steps = np.array([axis[1] - axis[0] for axis in axes], dtype=np.float32)
        nodes = np.indices(shift.shape[1:], dtype=np.float32)
        for _ in range(_SQUARINGS):
            at = nodes + shift / steps[:, None, None, None]
            moved = [map_coordinates(one, at, order=1, mode="nearest") for one in shift]
            shift = shift + np.stack(moved)
        return cls(axes, shift)

    def __call__(self, points_mm: Floats) -> Floats:
        """Return where ``points_mm`` (3, ...), as (Z, Y, X), are moved to."""
        at = np.stack([
            (points_mm[place] - axis[0]) / (axis[1] - axis[0])
            for place, axis in enumerate(self.axes)
        ])  # fmt: skip
        moved = [map_coordinates(one, at, order=1, mode="nearest") for one in self.shift_mm]
        return np.asarray(points_mm + np.stack(moved), dtype=np.float32)


@dataclass(frozen=True, eq=False, slots=True)
class Placement:
    """A subject's shape, size and pose: from patient coordinates to the template's.

    Parameters
    ----------
    warp : Warp
        The subject's own shape.
    scale : (3,)
        The subject's size over the template's, along (S, P, L).
    rotation : (3, 3)
        Of the head, acting on (S, P, L).
    shift_mm : (3,)
        Of the head's pivot, along (S, P, L).
    """

    warp: Warp
    scale: NDArray[np.float64]
    rotation: NDArray[np.float64]
    shift_mm: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator, axes: Axes) -> "Placement":
        """Draw a subject: brains of 0.82 to 1.02 of the template's, turned by up to 10 degrees.

        The template is larger than a usual head; faces and skulls differ over some 40 to 90 mm.
        """
        lattice = _lattice(axes)
        velocity = np.stack([
            3.2 * smooth_noise(rng, lattice, 90.0) + 1.2 * smooth_noise(rng, lattice, 40.0)
            for _ in range(3)
        ])  # fmt: skip
        velocity[2] *= 0.6  # the two sides of a head differ less
        size = np.clip(rng.normal(0.92, 0.035), 0.83, 1.01)
        scale = size * (1 + np.clip(rng.normal(0, 0.025, 3), -0.05, 0.05))
        angles = np.radians(np.clip(rng.normal(0, 5, 3), -10, 10))
        return cls(Warp.of(velocity, lattice), scale, rotation(angles), rng.uniform(-8, 8, 3))

    def to_template(self, points_mm: Floats) -> Floats:
        """Return the template's points of patient points (3, ...), both as (S, P, L) in mm."""
        pivot = np.array(PIVOT_MM)
        shape = (3,) + (1,) * (points_mm.ndim - 1)
        away = points_mm - (pivot + self.shift_mm).reshape(shape)
        turned = np.tensordot(self.rotation.T, away, axes=1) / self.scale.reshape(shape)
        return self.warp((turned + pivot.reshape(shape)).astype(np.float32))

    def vertex_mm(self) -> float:
        """Height of the top of the head, the warp left out."""
        pivot = np.array(PIVOT_MM)
        top = self.rotation @ (self.scale * (np.array([96.0, 15.0, 0.0]) - pivot))
        return float(top[0] + pivot[0] + self.shift_mm[0])


PIVOT_MM = (-20.0, 15.0, 0.0)
"""What a head turns about, along (S, P, L) from the template's origin: near its middle."""
_LATTICE_MM = 8.0


def _lattice(axes: Axes) -> Axes:
    z, y, x = (np.arange(axis[0] - 24, axis[-1] + 24, _LATTICE_MM) for axis in axes)
    return z, y, x


def rotation(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix that turns by three angles, in radians, about S, P and L in turn."""
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = [i for i in range(3) if i != axis]
        step = np.eye(3)
        step[one, one] = step[other, other] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turned = step @ turned
    return turned
