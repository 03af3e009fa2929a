"""Heads made of ellipsoids, in one space with their atlas: where everything is, is known."""

from functools import cache

import numpy as np

from engine.preprocess import Atlas
from engine.volume import Grid, Volume
from tests.engine.grids import oblique, places, turn

T1 = {"fluid": 150.0, "grey": 500.0, "white": 750.0, "skull": 40.0, "scalp": 900.0}
T2 = {"fluid": 1000.0, "grey": 420.0, "white": 300.0, "skull": 30.0, "scalp": 350.0}


def tissues(at: np.ndarray) -> dict[str, np.ndarray]:
    """Share of each tissue at places (..., 3) in L, P, S mm of the atlas's space."""
    left, back, up = (at[..., axis] for axis in range(3))
    folds = 4 * np.sin(left / 9 + back / 31) + 4 * np.sin(back / 11 + up / 23) + 3 * np.sin(up / 7)

    def inside(radii, middle=(0, 0, 0)):
        away = [(at[..., i] - middle[i]) / radii[i] for i in range(3)]
        radius = np.sqrt(sum(one**2 for one in away))
        return np.clip(0.5 - (radius - 1) * min(radii) / 2, 0, 1)

    brain = inside((66, 84, 62)) * np.clip(0.5 + (up + 50 + 0.15 * back) / 2, 0, 1)
    radius = np.sqrt((left / 66) ** 2 + (back / 84) ** 2 + (up / 62) ** 2) * 66
    white = np.clip((52 + folds - radius) / 2, 0, 1) * brain
    ventricles = np.maximum(inside((8, 26, 14), (13, -8, 6)), inside((8, 26, 14), (-13, -8, 6)))
    stem = inside((14, 14, 30), (0, 30, -40))
    white = np.maximum(white, stem * brain)
    fluid = np.maximum(np.clip((radius - 63.5) / 2, 0, 1), ventricles) * brain
    white = white * (1 - fluid)
    grey = np.clip(brain - white - fluid, 0, 1)
    head = np.maximum(inside((78, 98, 78)), inside((62, 80, 80), (0, -10, -60)))
    bone = np.clip(inside((71, 90, 69)) - brain, 0, 1)
    return {
        "fluid": fluid, "grey": grey, "white": white, "skull": bone,
        "scalp": np.clip(head - bone - brain, 0, 1),
    }  # fmt: skip


@cache
def atlas() -> Atlas:
    """The brain of these heads at 3 mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[::-1] * 3.0
    affine[:3, 3] = (-75, -93, -66)
    grid = Grid((46, 63, 51), affine)
    part = tissues(places(grid))
    t1 = sum(part[name] * T1[name] for name in ("fluid", "grey", "white")) / 1000

    def volume(voxels):
        return Volume(voxels.astype(np.float32), grid)

    return Atlas(volume(t1), volume(part["grey"]), volume(part["white"]), volume(part["fluid"]))


def pose(turned=(0.0, 0.0, 0.0), moved=(0.0, 0.0, 0.0), scaled=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Places of the atlas's space to places of a head."""
    matrix = np.eye(4)
    matrix[:3, :3] = turn(turned) @ np.diag(scaled)
    matrix[:3, 3] = moved
    return matrix


def head_grid(turned=(0, 0, 0), *, spacing=(4.0, 3.0, 3.0), shape=(48, 72, 60)) -> Grid:
    return oblique(turned, spacing=spacing, shape=shape, centre=(0.0, 0.0, -6.0))


def head(grid: Grid, values=T1, *, at=None, uid="1.2.3", xp=np, seed=0) -> Volume:
    """A head on ``grid`` whose brain lies where ``at`` puts the atlas's."""
    back = np.linalg.inv(np.eye(4) if at is None else at)
    where = places(grid) @ back[:3, :3].T + back[:3, 3]
    part = tissues(where)
    noise = np.random.default_rng(seed).normal(0, 12, grid.shape)
    voxels = np.abs(sum(part[name] * values[name] for name in values) + noise)
    return Volume(xp.asarray(voxels.astype(np.float32)), grid, "1", uid)


def away_mm(matrix: np.ndarray, truth: np.ndarray) -> float:
    """How far, at most, two poses put the places of the brain apart."""
    at = places(atlas().t1.grid)[np.asarray(atlas().brain > 0.5)][::97]
    moved = (at @ (matrix - truth)[:3, :3].T) + (matrix - truth)[:3, 3]
    return float(np.linalg.norm(moved, axis=1).max())


def phantom(turn=(0, 0, 0), *, shape=(19, 32, 30), spacing=(5.0, 3.0, 3.2), markers=()) -> Volume:
    """A dim ball of 42 mm radius with bright soft markers of 5 mm."""
    grid = oblique(turn, shape=shape, spacing=spacing)
    at = places(grid)
    values = 300 * np.clip((42 - np.linalg.norm(at, axis=-1)) / 4, 0, 1)
    for marker in markers:
        values += 700 * np.exp(-(((at - marker) / 5) ** 2).sum(axis=-1) / 2)
    return Volume(values.astype(np.float32), grid, "1", "1.2.3")
