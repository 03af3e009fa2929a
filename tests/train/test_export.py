import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.device import choose
from engine.errors import ModelTampered
from engine.pipeline import Generator, synthesise
from engine.task import Generation, Task, read_bundle
from tests.train.toys import toy_data
from train.data import read_index
from train.errors import CheckpointInvalid
from train.evaluate import measure
from train.export import export
from train.pair import read_pair
from train.run import fit
from train.served import served

EVALUATION = ("evaluation.json", "evaluation.png")


@pytest.fixture
def recipe(recipe):
    """Learn fast and a little longer: the node refuses a result that is flat."""
    settings = {**recipe.learning.settings, "average": 0.2, "learning_rate": 0.01}
    learning = replace(recipe.learning, steps=20, settings={**settings, "unpaired_every": 50})
    return replace(recipe, learning=learning)


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Return where that is kept which takes long, and is the same for each test."""
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def run(recipe, data, tmp_path, once):
    if not (once / "run").exists():
        fit(recipe, data, once / "run")
    return Path(shutil.copytree(once / "run", tmp_path / "run"))


@pytest.fixture
def found(recipe, data, run, once):
    """Return the evaluation of the run, which has it now."""
    kept = once / "evaluation"
    if not kept.exists():
        measure(recipe, data, run)
        kept.mkdir()
        for name in EVALUATION:
            shutil.copy(run / name, kept)
    shutil.copytree(kept, run, dirs_exist_ok=True)
    return json.loads((run / EVALUATION[0]).read_text(encoding="utf-8"))


def task(bundle) -> Task:
    return Task(name="ct_from_mr", needs=("T1",), makes="CT", bundle=bundle)


def test_the_engine_makes_from_the_bundle_what_was_measured(recipe, data, run, tmp_path):
    bundle = export(recipe, run, tmp_path / "tiny-model")
    assert read_bundle(tmp_path / "tiny-model") == bundle
    source, cpu = read_pair(read_index(data)[0].path).source, choose("cpu", threads=1)
    made = synthesise([source], task(bundle), cpu)
    assert made.volume.unit == "HU"
    assert made.volume.grid.same_as(source.grid)
    measured = served(recipe, run, data).generator([source], cpu).volume.voxels
    np.testing.assert_array_equal(made.volume.voxels, measured)
    assert made.provenance.model.learned_from == "phantom heads (no patient data)"


@pytest.mark.usefixtures("found")
def test_everything_says_that_it_learned_from_phantoms(recipe, run, tmp_path):
    folder = tmp_path / "tiny-model"
    export(recipe, run, folder)
    for name in ("configs/metadata.json", "contract.json", "card.md", "evaluation.json"):
        assert "phantom" in (folder / name).read_text(encoding="utf-8"), name
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "It has seen no patient" in card
    assert "best look-up table" in card
    assert "(synthrad2025, -1024 to 3071)" in card
    assert "The paired term dominates" in card
    assert "Apache-2.0" in (folder / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.usefixtures("found")
def test_same_checkpoint_same_bytes(recipe, run, tmp_path):
    for name in ("one", "two"):
        export(recipe, run, tmp_path / name / "tiny-model")
    one, two = (
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in ("one", "two")
    )
    assert len(one) == 8
    assert one == two


def test_before_it_is_measured_the_card_says_so(recipe, run, tmp_path):
    export(recipe, run, tmp_path / "tiny-model")
    assert "Not measured yet." in (tmp_path / "tiny-model/card.md").read_text(encoding="utf-8")
    assert not (tmp_path / "tiny-model/evaluation.json").exists()


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({"recipe": "0" * 64}, "is of recipe 000000000000"),
        ({"weights": {"model": "0" * 64}}, "is of weights 000000000000"),
        ({"weights": {}}, "does not say of which recipe and weights"),
        ({"figures": 5}, r"lacks what the card shows \(TypeError"),
    ],
)
def test_an_evaluation_of_something_else_is_not_exported(recipe, run, found, tmp_path, seen, said):
    (run / "evaluation.json").write_text(json.dumps(found | seen), encoding="utf-8")
    with pytest.raises(CheckpointInvalid, match=f"{said}.*evaluate' again"):
        export(recipe, run, tmp_path / "tiny-model")
    assert not (tmp_path / "tiny-model").exists()


@pytest.mark.usefixtures("found")
def test_an_evaluation_without_its_picture_is_not_exported(recipe, run, tmp_path):
    (run / "evaluation.png").unlink()
    with pytest.raises(CheckpointInvalid, match="evaluate' again"):
        export(recipe, run, tmp_path / "tiny-model")


@pytest.mark.usefixtures("found")
def test_figures_of_earlier_weights_do_not_stay_in_the_bundle(recipe, run, tmp_path):
    export(recipe, run, tmp_path / "tiny-model")
    (run / "evaluation.json").unlink()
    export(recipe, run, tmp_path / "tiny-model")
    assert not (tmp_path / "tiny-model/evaluation.json").exists()
    assert not (tmp_path / "tiny-model/evaluation.png").exists()


def test_an_evaluation_names_the_weights_that_are_exported(recipe, run, found, tmp_path):
    bundle = export(recipe, run, tmp_path / "tiny-model")
    assert found["weights"] == {"model": bundle.weights_sha256}
    card = (tmp_path / "tiny-model/card.md").read_text(encoding="utf-8")
    assert "Effort: this model 20 updates of 2 at a learning rate of 0.01." in card


def test_metadata_has_the_keys_that_the_specification_wants(recipe, run, tmp_path):
    export(recipe, run, tmp_path / "tiny-model")
    metadata = json.loads((tmp_path / "tiny-model/configs/metadata.json").read_text("utf-8"))
    assert {
        "version", "monai_version", "pytorch_version", "numpy_version", "task", "description",
        "required_packages_version", "authors", "copyright", "network_data_format",
    } <= set(metadata)  # fmt: skip
    assert "+" not in metadata["pytorch_version"]


def volumetric(recipe):
    """FLAIR from T2 by the 3D network, in windows."""
    steps = ({"step": "orient"}, {"step": "normalise", "high": 0.995, "onto": [0.0, 1.0]})
    preparation = replace(
        recipe.preparation, steps=steps, window=(0.0, 1.0), onto=(0.0, 1.0), outside=0.0, unit="1",
        relative=0.995, headroom=1.5,
        generate={"how": "windows", "size": [8, 16, 16], "overlap": 0.5},
    )  # fmt: skip
    learning = replace(
        recipe.learning, system="regression", network="mdaunet3d", draw="patches",
        patch=(8, 16, 16),         sizes={"width": 4}, settings={}, augment={}, steps=1,
    )  # fmt: skip
    return replace(
        recipe,
        pairs=replace(recipe.pairs, sources=("T2",), target="FLAIR"),
        preparation=preparation,
        learning=learning,
        accepts=replace(recipe.accepts, labels=("T2",)),
        model=replace(recipe.model, makes="FLAIR"),
    )


def test_norms_are_divided_out_and_windows_are_named(recipe, tmp_path):
    recipe = volumetric(recipe)
    data = toy_data(tmp_path / "data", labels=("T2",), makes="FLAIR")
    fit(recipe, data, tmp_path / "run")
    bundle = export(recipe, tmp_path / "run", tmp_path / "tiny-model")
    assert bundle.generation == Generation("windows", (8, 16, 16), 0.5)
    output = bundle.output
    assert (output.onto, output.relative, output.headroom) == ((0.0, 1.0), 0.995, 1.5)
    assert bundle.network["sizes"]["spectral"] is False
    assert bundle.contract.labels == ("T2",)
    sources, cpu = read_pair(read_index(data)[0].path).sources, choose("cpu", threads=1)
    made = Generator.of(bundle)(sources, cpu).volume.voxels
    measured = served(recipe, tmp_path / "run", data).generator(sources, cpu).volume.voxels
    np.testing.assert_array_equal(made, measured)
    metadata = json.loads((tmp_path / "tiny-model/configs/metadata.json").read_text("utf-8"))
    image = metadata["network_data_format"]["inputs"]["image"]
    assert (image["spatial_shape"], image["value_range"]) == ([8, 16, 16], [0.0, 1.0])
    assert image["is_patch_data"] is True


def test_planes_are_written_only_where_they_are_given(recipe, data, tmp_path):
    fit(recipe, data, tmp_path / "run", until=1)
    sagittal = replace(recipe, accepts=replace(recipe.accepts, planes=("sagittal",)))
    for one, name in ((recipe, "any"), (sagittal, "sagittal")):
        bundle = export(one, tmp_path / "run", tmp_path / name)
        held = json.loads((tmp_path / name / "contract.json").read_text("utf-8"))["accepts"]
        assert held.get("planes", []) == list(one.accepts.planes)
        assert bundle.contract.planes == one.accepts.planes
    assert "planes" not in (tmp_path / "any" / "contract.json").read_text("utf-8")


def test_an_atlas_goes_with_the_steps_that_want_one(recipe, data, tmp_path, monkeypatch):
    found = tmp_path / "atlas.safetensors"
    found.write_bytes(b"maps")
    fit(recipe, data, tmp_path / "run", until=1)
    real = served(recipe, tmp_path / "run", data)
    monkeypatch.setattr("train.export.bundle.served", lambda *_: replace(real, atlas=found))
    bundle = export(recipe, tmp_path / "run", tmp_path / "tiny-model")
    assert bundle.atlas is not None
    assert (tmp_path / "tiny-model" / bundle.atlas.file).read_bytes() == b"maps"


def test_one_changed_byte_of_the_weights_is_refused(recipe, data, run, tmp_path):
    bundle = export(recipe, run, tmp_path / "tiny-model")
    content = bytearray(bundle.weights_path.read_bytes())
    content[-1] ^= 1
    bundle.weights_path.write_bytes(bytes(content))
    source = read_pair(read_index(data)[0].path).source
    with pytest.raises(ModelTampered, match="SHA-256"):
        synthesise([source], task(bundle), choose("cpu", threads=1))


def test_a_checkpoint_of_another_recipe_is_not_exported(recipe, run, tmp_path):
    other = replace(recipe, learning=replace(recipe.learning, seed=3))
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        export(other, run, tmp_path / "tiny-model")


def test_without_a_checkpoint_there_is_nothing_to_export(recipe, tmp_path):
    with pytest.raises(CheckpointInvalid, match="fit' first"):
        export(recipe, tmp_path, tmp_path / "tiny-model")
