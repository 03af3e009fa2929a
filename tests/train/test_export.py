import json

import numpy as np
import pytest

from engine.device import choose
from engine.errors import ModelTampered
from engine.pipeline import synthesise
from engine.task import Task, read_bundle
from train.data import read_index
from train.errors import CheckpointInvalid
from train.evaluate import Server, measure
from train.export import export
from train.pair import read_pair
from train.run import fit


@pytest.fixture
def run(recipe, data, tmp_path):
    fit(recipe, data, tmp_path / "run")
    return tmp_path / "run"


def task(bundle) -> Task:
    return Task(name="ct_from_mr", needs=("T1",), makes="CT", bundle=bundle)


def test_the_engine_makes_from_the_bundle_what_was_measured(recipe, data, run, tmp_path):
    bundle = export(recipe, run, tmp_path / "tiny-model")
    assert read_bundle(tmp_path / "tiny-model") == bundle
    source = read_pair(read_index(data)[0].path).source
    made = synthesise([source], task(bundle), choose("cpu", threads=1))
    assert made.volume.unit == "HU"
    assert made.volume.grid.same_as(source.grid)
    np.testing.assert_array_equal(made.volume.voxels, Server.of(recipe, run)(source).voxels)
    assert made.provenance.model.learned_from == "phantom heads (no patient data)"


def test_everything_says_that_it_learned_from_phantoms(recipe, data, run, tmp_path):
    measure(recipe, data, run)
    folder = tmp_path / "tiny-model"
    export(recipe, run, folder)
    for name in ("configs/metadata.json", "contract.json", "card.md", "evaluation.json"):
        assert "phantom" in (folder / name).read_text(encoding="utf-8"), name
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "It has seen no patient" in card
    assert "best look-up table" in card
    assert "The paired term dominates" in card
    assert "Apache-2.0" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_same_checkpoint_same_bytes(recipe, data, run, tmp_path):
    measure(recipe, data, run)
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


def test_metadata_has_the_keys_that_the_specification_wants(recipe, run, tmp_path):
    export(recipe, run, tmp_path / "tiny-model")
    metadata = json.loads((tmp_path / "tiny-model/configs/metadata.json").read_text("utf-8"))
    assert {
        "version", "monai_version", "pytorch_version", "numpy_version", "task", "description",
        "required_packages_version", "authors", "copyright", "network_data_format",
    } <= set(metadata)  # fmt: skip
    assert "+" not in metadata["pytorch_version"]


def test_one_changed_byte_of_the_weights_is_refused(recipe, data, run, tmp_path):
    bundle = export(recipe, run, tmp_path / "tiny-model")
    content = bytearray(bundle.weights_path.read_bytes())
    content[-1] ^= 1
    bundle.weights_path.write_bytes(bytes(content))
    source = read_pair(read_index(data)[0].path).source
    with pytest.raises(ModelTampered, match="SHA-256"):
        synthesise([source], task(bundle), choose("cpu", threads=1))


def test_a_checkpoint_of_another_recipe_is_not_exported(recipe, run, tmp_path):
    import dataclasses

    other = dataclasses.replace(recipe, learning=dataclasses.replace(recipe.learning, seed=3))
    with pytest.raises(CheckpointInvalid, match="another recipe"):
        export(other, run, tmp_path / "tiny-model")


def test_without_a_checkpoint_there_is_nothing_to_export(recipe, tmp_path):
    with pytest.raises(CheckpointInvalid, match="fit' first"):
        export(recipe, tmp_path, tmp_path / "tiny-model")
