"""Pairs of no anatomy: what learning needs to see, in milliseconds."""

from pathlib import Path

import numpy as np

from engine.volume import Grid, Volume
from train.pair import Pair, write_pair

SHAPE = (10, 24, 20)
SPACING_MM = 6.0


def toy_pair(
    subject: int,
    *,
    labels: tuple[str, ...] = ("T1",),
    makes: str = "CT",
    shape: tuple[int, int, int] = SHAPE,
) -> Pair:
    """A ball with a shell: sources by brightness, the target by what lies where."""
    rng = np.random.default_rng(subject)
    affine = np.zeros((4, 4))
    affine[:3, :3] = np.eye(3)[::-1] * SPACING_MM
    affine[3, 3] = 1
    grid = Grid(shape, affine)
    middle = (np.array(shape) - 1) / 2
    away = np.indices(shape).reshape(3, -1).T - middle - rng.uniform(-1, 1, 3)
    radius = np.linalg.norm(away / (middle * rng.uniform(0.75, 0.95, 3)), axis=1).reshape(shape)
    inner, body = radius < 0.8, radius < 1
    soft = 1 + 0.2 * np.sin(np.indices(shape).sum(axis=0) * rng.uniform(0.3, 0.6))

    def made(label: str) -> Volume:
        if label in ("CT", "CBCT"):
            hu = np.where(inner, 40 * soft, np.where(body, 900, -1000))
            return Volume(np.round(hu).astype(np.float32), grid, unit="HU")
        if label == "PT":
            uptake = np.where(inner, soft, np.where(body, 0.3, 0))
            return Volume(uptake.astype(np.float32), grid, unit="SUVR")
        signal = np.where(inner, rng.uniform(700, 1500) * soft, np.where(body, 120, 4))
        return Volume(np.round(signal).astype(np.float32), grid)

    tissue = np.where(inner, 2, np.where(body, 5, 0)).astype(np.uint8)
    about = {"subject": subject, "scan": 0, "labels": list(labels), "makes": makes}
    strata = {"plane": "axial"}
    return Pair(
        tuple(made(label) for label in labels),
        made(makes),
        body,
        tissue,
        {**about, "anatomy": "head", "strata": strata, "recipe": "toy"},
    )


def toy_data(folder: Path, count: int = 5, **kind: object) -> Path:
    """Write so many subjects into ``folder``."""
    for subject in range(count):
        write_pair(folder, toy_pair(subject, **kind))
    return folder
