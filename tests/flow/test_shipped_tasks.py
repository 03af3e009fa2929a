"""Every shipped model: the node makes what the model's evaluation measured.

A subject that the evaluation names is scanned again (the same seed, the same bytes), sent over
C-STORE, and what arrives at Orthanc is held against the phantom's truth: the error is the one that
stands in the bundle's ``evaluation.json``.
"""

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.dciodvfy import dciodvfy
from tests.support.node import NodeConf, RunningNode
from tests.support.orthanc import Orthanc
from tests.support.phantoms import STEP, answered, scanned, volume_of
from train.config import read_recipe
from train.data import truth_of
from train.evaluate.figures import figures_of

CONF = Path(__file__).parents[2] / "conf"
SHIPPED = sorted(path.parent.name for path in CONF.glob("models/*/evaluation.json"))


def task_of(recipe):
    """Return the shipped task that needs and makes what the recipe does."""
    for path in sorted((CONF / "tasks").glob("*.toml")):
        task = tomllib.loads(path.read_text())
        if (tuple(task["needs"]), task["makes"]) == (recipe.accepts.labels, recipe.model.makes):
            return path.stem
    raise AssertionError(f"no shipped task for {recipe.name}")


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Return a node with the shipped tasks and models, a rule for each model, and its PACS."""
    folder = tmp_path_factory.mktemp("shipped")
    orthanc = Orthanc(folder / "orthanc").start()
    conf = NodeConf(folder / "node", shipped_model=True)
    conf.peers.append(orthanc.peer())
    conf.rules = [
        {
            "name": name,
            "task": task_of(read_recipe(CONF / "train" / f"{name}.toml")),
            "model": name,
            "destinations": ["pacs"],
            "when.StudyDescription.matches": f"^{name}$",
        }
        for name in SHIPPED
    ]
    running = RunningNode(conf.write())
    running.port = conf.port
    running.start()
    yield running, orthanc, folder
    assert running.stop() == 0
    orthanc.stop()


QUICK = {"calf-spine-stir"}
"""Of few slices; the others in ``make slow``."""


@pytest.mark.parametrize(
    "name", [one if one in QUICK else pytest.param(one, marks=pytest.mark.slow) for one in SHIPPED]
)
def test_what_arrives_is_as_good_as_the_evaluation_says(name, node, tmp_path):
    recipe = read_recipe(CONF / "train" / f"{name}.toml")
    measured = json.loads((CONF / "models" / name / "evaluation.json").read_text())
    assert measured["recipe"] == recipe.digest, "the recipe was changed after its model was made"
    subject, (first, *_) = next(iter(measured["per_subject"].items()))
    running, orthanc, folder = node
    pair = scanned(recipe, int(subject), folder / "pairs" / name)
    objects = answered(pair, name, running, orthanc, folder / "series" / name, wait_s=300)
    (tmp_path / "one.dcm").write_bytes(objects[len(objects) // 2])
    assert dciodvfy(tmp_path / "one.dcm")[0] == []
    prepared, arrived = recipe.preparation, volume_of(objects)
    found = figures_of(arrived, truth_of(pair, prepared), pair, prepared)["mae"]
    if prepared.relative:  # a share of the range; the step of integers is one too
        assert found == pytest.approx(first["mae"], rel=0.005)
    else:
        assert found == pytest.approx(first["mae"], rel=0.005, abs=STEP[prepared.unit] / 2)
