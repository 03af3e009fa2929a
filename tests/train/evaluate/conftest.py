"""Every kind of task as a small recipe with toys to learn from."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.train.conftest import SHIPPED
from tests.train.toys import toy_data
from train.config import Baseline, Recipe, read_recipe
from train.evaluate import measure
from train.run import fit

STEPS = (
    {"step": "orient"},
    {"step": "resample", "spacing_mm": [6.0, 6.0, 6.0]},
    {"step": "crop_pad", "multiple": 8, "minimum": [24, 24], "margin_mm": 6},
)
MR = (*STEPS, {"step": "normalise", "high": 0.995, "onto": [0.0, 1.0]})
HU = (*STEPS, {"step": "window", "low": -1000.0, "high": 2000.0, "onto": [0.0, 1.0]})


@dataclass(frozen=True)
class Learned:
    """A recipe, its pairs, and what was learned from them in no time."""

    recipe: Recipe
    data: Path
    run: Path


def task(recipe: Recipe, sources: tuple[str, ...], makes: str) -> Recipe:
    """Return ``recipe`` turned to another task: a few slices, a tiny network."""
    units = {"CT": ("HU", (-1000.0, 2000.0)), "PT": ("SUVR", (0.0, 2.0))}
    unit, window = units.get(makes, ("1", (0.0, 1.0)))
    preparation = replace(
        recipe.preparation,
        steps=HU if sources[0] == "CBCT" else MR,
        window=window,
        outside=window[0],
        unit=unit,
        onto=(0.0, 1.0),
        relative=0.995 if unit == "1" else 0.0,
    )
    sizes = {"width": 4, "channels_in": len(sources)}
    learning = replace(recipe.learning, steps=2, system="regression", network="resunet",
                       sizes=sizes, settings={}, augment={})  # fmt: skip
    phantoms = replace(recipe.pairs, sources=sources, target=makes)
    return replace(
        recipe,
        pairs=phantoms,
        preparation=preparation,
        learning=learning,
        accepts=replace(recipe.accepts, labels=sources),
        model=replace(recipe.model, makes=makes),
        baseline=None,
    )


def learned(recipe: Recipe, folder: Path) -> Learned:
    made = recipe.pairs
    data = toy_data(folder / "data", labels=made.sources, makes=made.target)
    fit(recipe, data, folder / "run")
    return Learned(recipe, data, folder / "run")


@pytest.fixture(scope="session")
def base() -> Recipe:
    """The shipped recipe with next to nothing to do."""
    shipped = read_recipe(SHIPPED)
    phantoms = replace(shipped.pairs, first_seed=0, subjects=5, scans=1, validation=1, test=2)
    learning = replace(shipped.learning, batch=2, threads=1, report_every=9, save_every=9)
    return replace(shipped, pairs=phantoms, learning=learning)


@pytest.fixture(scope="session")
def _once(base, tmp_path_factory) -> Learned:
    one = replace(task(base, ("T1",), "CT"), baseline=Baseline(preset="robust", steps=1))
    found = learned(one, tmp_path_factory.mktemp("ct"))
    fit(one.regression(), found.data, found.run / "regression")
    return found


@pytest.fixture(scope="session")
def measured(_once) -> dict[str, Any]:
    """What was found of CT from T1, with the regression beside it; the files lie in its run."""
    return {**measure(_once.recipe, _once.data, _once.run), "folder": _once.run}


@pytest.fixture
def ct(_once, tmp_path) -> Learned:
    """CT from T1 to spoil: a copy."""
    shutil.copytree(_once.run, tmp_path / "run")
    shutil.copytree(_once.data, tmp_path / "data")
    return Learned(_once.recipe, tmp_path / "data", tmp_path / "run")
