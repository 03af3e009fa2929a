"""Every task: a phantom's series over C-STORE in, a synthetic one at Orthanc out.

Each recipe of ``conf/train`` is served at a small width with the weights it starts from: no images,
made by the very steps, windows and units of the shipped ones. What arrives is held against the
phantom's truth, and its error is the one that ``dicom-train evaluate`` finds for the same model on
the same subject: the node serves what was measured.
"""

import shutil
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from pydicom import dcmread

from engine.device import choose
from tests.support.dciodvfy import dciodvfy
from tests.support.gated import let_pass
from tests.support.node import NodeConf, RunningNode
from tests.support.orthanc import Orthanc
from tests.support.phantoms import STEP, answered, scanned, volume_of
from train import checkpoint
from train.config import Recipe, read_recipe
from train.data import ATLAS, truth_of
from train.evaluate.figures import figures_of
from train.export import export
from train.served import served
from train.systems import Choice, build_system

CONF = Path(__file__).parents[2] / "conf" / "train"
MODELS = CONF.with_name("models")
RECIPES = sorted(path.stem for path in CONF.glob("*.toml"))
LONG = ("mdaunet-head-cbct", "mdaunet-head-ct", "agi-head-flair", "pcsa-brain-pet")
"""Recipes for ``make slow``: another's shows the same steps, or its grid is the source's own."""
SUBJECT, SPACING_MM = 90007, 3.0
"""A subject of no recipe, coarse."""
SMALL = {
    "hlsnc_gan": {"width": 4, "blocks": 1},
    "mdaunet3d": {"width": 2},
    "pcsa_gan": {"width": 6},
    "calf_gan": {"width": 8, "blocks": 1},
    "agi_net": {"channels_in": 2, "width": 8},
}


def small(name: str) -> Recipe:
    """Return a recipe with a narrow network; windows are small, and go over longer voxels."""
    recipe = read_recipe(CONF / f"{name}.toml")
    prepared = recipe.preparation
    if prepared.generate["how"] == "windows":
        steps = tuple(
            {**step, "spacing_mm": [mm if mm > SPACING_MM else 2 * mm for mm in step["spacing_mm"]]}
            if step["step"] == "resample"
            else step
            for step in prepared.steps
        )
        windows = {**prepared.generate, "size": [48, 48, 48]}
        prepared = replace(prepared, steps=steps, generate=windows)
    return replace(
        recipe,
        pairs=replace(recipe.pairs, spacing_mm=SPACING_MM),
        learning=replace(recipe.learning, sizes=SMALL[recipe.learning.network]),
        preparation=prepared,
    )


def begun(recipe: Recipe, run: Path) -> None:
    """Write the checkpoint of a run that has learned nothing yet, and what it was prepared with."""
    (run / "data").mkdir(parents=True)
    chosen = recipe.learning
    choice = Choice(
        chosen.system, chosen.preset, chosen.steps, chosen.seed, chosen.sizes,
        chosen.settings, chosen.network, chosen.precision,
    )  # fmt: skip
    system = build_system(choice)
    with torch.no_grad():  # a network that has learned nothing makes nearly one grey: more of it
        for parameter in list(system.networks[system.served].parameters())[-2:]:
            parameter.mul_(20 if parameter.ndim > 1 else 1)
    about = {"step": "1", "recipe": recipe.digest, "served": system.served}
    checkpoint.save(run / checkpoint.FILE, system.networks, system.optimisers, about)
    if any(step["step"] == "template" for step in recipe.preparation.steps):
        shutil.copy(MODELS / recipe.name / "models" / ATLAS, run / "data" / ATLAS)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Return a node with a task and a rule for each recipe, its PACS, and the recipes' runs."""
    folder = tmp_path_factory.mktemp("tasks")
    orthanc = Orthanc(folder / "orthanc").start()
    conf = NodeConf(folder / "node")
    conf.peers.append(orthanc.peer())
    conf.rules = [
        {
            "name": name,
            "task": name,
            "destinations": ["pacs"],
            "when.StudyDescription.matches": f"^{name}$",
        }
        for name in RECIPES
    ]
    running = RunningNode(conf.write())
    for name in RECIPES:
        recipe = small(name)
        begun(recipe, folder / name)
        export(recipe, folder / name, conf.folder / "conf" / "models" / name)
        let_pass(conf.folder / "conf" / "models" / name)
        (conf.folder / "conf" / "tasks" / f"{name}.toml").write_text(
            f"needs = {list(recipe.accepts.labels)}\n"
            f'makes = "{recipe.model.makes}"\nmodel = "{name}"\n'
        )
    running.port = conf.port
    running.start()
    yield running, orthanc, folder
    assert running.stop() == 0
    orthanc.stop()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in RECIPES
    ],
)
def delivered(request, node):
    """Send one recipe's study; return the recipe, the scan, its run and what Orthanc then has."""
    running, orthanc, folder = node
    name, recipe = request.param, small(request.param)
    pair = scanned(recipe, SUBJECT, folder / "pairs" / name)
    objects = answered(pair, name, running, orthanc, folder / "series" / name)
    return recipe, pair, folder / name, objects


def test_the_result_is_valid_and_says_what_it_is(delivered, tmp_path):
    recipe, pair, _, objects = delivered
    assert len(objects) == pair.target.shape[0]
    (tmp_path / "one.dcm").write_bytes(objects[len(objects) // 2])
    assert dciodvfy(tmp_path / "one.dcm")[0] == []
    ds = dcmread(BytesIO(objects[0]))
    assert ds.SyntheticData == "YES"
    assert ds.Modality == {"CT": "CT", "PT": "PT"}.get(recipe.model.makes, "MR")
    assert len(ds.ReferencedSeriesSequence) == len(recipe.accepts.labels)
    assert f"model {recipe.name} " in ds.DerivationDescription
    assert "phantom" in ds.ImageComments


def test_the_node_serves_what_is_measured(delivered):
    """Within what 12 bits of the source and of the result can hold."""
    recipe, pair, run, objects = delivered
    arrived = volume_of(objects)
    generator = served(recipe, run, run / "data").generator
    made = np.asarray(generator(pair.sources, choose("cpu", threads=1)).volume.voxels)
    step, truth = STEP[recipe.preparation.unit], truth_of(pair, recipe.preparation)
    contrast = float(made.max() - made.min())
    assert contrast > 50 * step, "the untaught network made one grey, which shows nothing"
    assert np.abs(arrived - made).mean() < max(step, 0.005 * contrast)
    there, here = (
        figures_of(voxels, truth, pair, recipe.preparation)["mae"] for voxels in (arrived, made)
    )
    assert there == pytest.approx(here, rel=0.005)
