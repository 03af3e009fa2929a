"""Grids and volumes anywhere in patient space, for tests that hold wherever a patient lies."""

import itertools

import numpy as np
from hypothesis import strategies as st

from engine.volume import Grid, Volume

AXES = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
"""The 48 ways in which array axes can run along L, P and S, either way."""


def straight(
    order, signs, *, spacing=(3.0, 2.0, 1.0), shape=(3, 4, 5), origin=(7.0, -8, 9)
) -> Grid:
    """Array axis i runs along patient axis ``order[i]``."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (patient, sign) in enumerate(zip(order, signs, strict=True)):
        affine[patient, axis] = sign * spacing[axis]
    affine[:3, 3] = origin
    return Grid(shape, affine)


def turn(vector) -> np.ndarray:
    """Rotation about ``vector`` by its length in radians (Rodrigues)."""
    x, y, z = vector
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) / angle
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def oblique(vector, *, spacing=(3.0, 2.0, 1.0), shape=(6, 7, 8), centre=(0.0, 0, 0)) -> Grid:
    """A grid turned about its own centre, which lies at ``centre``."""
    affine = np.eye(4)
    affine[:3, :3] = turn(vector) @ np.eye(3)[::-1] * np.array(spacing)
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def _numbers(low, high):
    return st.floats(low, high, allow_nan=False, width=32)


@st.composite
def oblique_grids(draw, *, least=2, most=7) -> Grid:
    return oblique(
        [draw(_numbers(-3, 3)) for _ in range(3)],
        spacing=[draw(_numbers(0.5, 5)) for _ in range(3)],
        shape=tuple(draw(st.integers(least, most)) for _ in range(3)),
        centre=[draw(_numbers(-100, 100)) for _ in range(3)],
    )


def places(grid: Grid) -> np.ndarray:
    """Patient coordinates (Z, Y, X, 3) of every voxel centre."""
    indices = np.indices(grid.shape).reshape(3, -1).T.astype(float)
    return grid.centres(indices).reshape(*grid.shape, 3)


def corners(grid: Grid) -> np.ndarray:
    """Outer corners (8, 3) of the field of view, in mm."""
    ends = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in grid.shape])).reshape(3, -1).T
    return grid.centres(ends)


def ramp(grid: Grid, xp=np, slope=(1.0, -2.0, 3.0)) -> Volume:
    """A volume whose value grows linearly through patient space: known everywhere."""
    values = places(grid) @ np.array(slope) + 50
    return Volume(xp.asarray(values.astype(np.float32)), grid)


def noise(grid: Grid, xp=np, seed=0) -> Volume:
    values = np.random.default_rng(seed).uniform(0, 1000, grid.shape).astype(np.float32)
    return Volume(xp.asarray(values), grid, frame_of_reference_uid="1.2.3")
