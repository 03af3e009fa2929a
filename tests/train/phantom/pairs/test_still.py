"""What the code itself draws stays as it was: the frozen hash covers tables alone.

Some heads and spines, scanned in every contrast, are held against figures that were written down
once. Numbers within equations and the order in which chance is asked move them.
"""

import json
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.train.conftest import COARSE_MM
from train.pair import Pair
from train.phantom import Order, draw_spine, draw_subject, read_template, scan_pair

FIGURES = Path(__file__).parent / "still.json"
HEADS, SPINES = ("head 11", "head 12", "head 13"), ("spine 21", "spine 22")
HEAD = Order(sources=("T1", "T2", "PD", "FLAIR", "STIR", "CBCT", "PT"), target="CT", shift_mm=2.0)
SPINE = Order(sources=("T1", "T2"), target="STIR", anatomy="spine")


def figures(pair: Pair) -> dict[str, object]:
    """Return what a change of any voxel's tissue, place or brightness is likely to move."""
    found: dict[str, object] = {
        "shape": list(pair.target.shape),
        "tissues": np.bincount(pair.tissue.ravel()).tolist(),
    }
    names = [*pair.about["labels"], pair.about["makes"]]
    for name, volume in zip(names, [*pair.sources, pair.target], strict=True):
        voxels = np.asarray(volume.voxels, np.float64)
        places = np.indices(voxels.shape).reshape(3, -1)
        weight = np.abs(voxels).ravel()
        middle = (places * weight).sum(axis=1) / weight.sum()
        found[name] = [voxels.mean(), voxels.std(), *middle]
    return found


@cache
def drawn(name: str) -> dict[str, object]:
    anatomy, _, number = name.partition(" ")
    if anatomy == "spine":
        return figures(scan_pair(draw_spine(int(number), COARSE_MM), 0, SPINE))
    return figures(scan_pair(draw_subject(int(number), read_template(COARSE_MM)), 0, HEAD))


def record() -> None:
    """Keep what is drawn now: together with a new recipe, before anything learns from it."""
    found = {name: drawn(name) for name in (*HEADS, *SPINES)}
    FIGURES.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def moved(before: dict, made: dict) -> list[str]:
    """Return what differs by more than rounding, which may put a voxel beyond an edge."""
    found = [] if made["shape"] == before["shape"] else ["shape"]
    if made["tissues"] != pytest.approx(before["tissues"], rel=1e-3, abs=3):
        found.append("tissues")
    contrasts = sorted(before.keys() - {"shape", "tissues"})
    assert contrasts == sorted(made.keys() - {"shape", "tissues"})
    return found + [c for c in contrasts if made[c] != pytest.approx(before[c], rel=1e-4)]


@pytest.mark.parametrize(
    "name",
    [
        HEADS[0],
        SPINES[0],
        *(pytest.param(name, marks=pytest.mark.slow) for name in (*HEADS[1:], *SPINES[1:])),
    ],
)
def test_phantoms_are_those_of_the_frozen_recipe(name):
    assert moved(json.loads(FIGURES.read_text("utf-8"))[name], drawn(name)) == []


@pytest.mark.parametrize(
    ("number", "by"), [("anatomy._FOLD_MM", 1.02), ("anatomy._OFFSET_MM", 1.05)]
)
def test_a_number_in_the_code_that_no_hash_covers_is_seen(number, by, template, monkeypatch):
    where = f"train.phantom.{number}"
    module, name = where.rsplit(".", 1)
    before = drawn(HEADS[0])
    monkeypatch.setattr(where, by * getattr(import_module(module), name))
    changed = figures(scan_pair(draw_subject(11, template), 0, HEAD))
    assert "tissues" in moved(before, changed)
