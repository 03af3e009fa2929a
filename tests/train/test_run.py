import csv
import dataclasses
import subprocess
import sys

import pytest
import torch

from train import checkpoint
from train.data import SPLIT, read_split
from train.errors import CheckpointInvalid, DataInvalid, RecipeInvalid
from train.run import LOG, fit


def weights(path):
    return checkpoint.load(path).tensors


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    return tmp_path_factory.mktemp("straight")


def test_stopped_and_resumed_it_ends_with_the_same_bytes(recipe, data, straight, tmp_path):
    whole = fit(recipe, data, straight)
    fit(recipe, data, tmp_path, until=4)
    assert checkpoint.load(tmp_path / checkpoint.FILE).step == 4
    parts = fit(recipe, data, tmp_path)
    assert whole.read_bytes() == parts.read_bytes()
    assert checkpoint.load(whole).step == recipe.learning.steps


def test_another_seed_learns_something_else(recipe, data, tmp_path):
    other = dataclasses.replace(recipe, learning=dataclasses.replace(recipe.learning, seed=2))
    one, two = fit(recipe, data, tmp_path / "a", until=1), fit(other, data, tmp_path / "b", until=1)
    assert any(not torch.equal(weights(one)[k], weights(two)[k]) for k in weights(one))


def test_it_leaves_a_log_pictures_and_the_split(recipe, data, tmp_path):
    seen = []
    fit(recipe, data, tmp_path, report=lambda step, losses: seen.append((step, set(losses))))
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    with (tmp_path / LOG).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert all(float(row["voxel"]) > 0 and float(row["cycle"]) > 0 for row in rows)
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == [
        "step-000003.png", "step-000006.png",
    ]  # fmt: skip
    split = read_split(tmp_path / SPLIT)
    assert len(split.train) == 3
    assert not set(split.train) & {*split.validation, *split.test}


def test_a_folder_of_another_recipe_is_refused(recipe, data, tmp_path):
    fit(recipe, data, tmp_path, until=1)
    other = dataclasses.replace(recipe, learning=dataclasses.replace(recipe.learning, batch=1))
    with pytest.raises(CheckpointInvalid, match="was learned by another recipe"):
        fit(other, data, tmp_path)


def test_an_unknown_augmentation_is_named(recipe, data, tmp_path):
    learning = dataclasses.replace(recipe.learning, augment={"blur": 1.0})
    with pytest.raises(RecipeInvalid, match=r"\[learning\.augment\] unknown key 'blur'"):
        fit(dataclasses.replace(recipe, learning=learning), data, tmp_path)


def test_nothing_to_learn_from_is_named(recipe, tmp_path):
    with pytest.raises(DataInvalid, match="no prepared pair"):
        fit(recipe, tmp_path / "none", tmp_path / "run")


def test_threads_are_given_back(recipe, data, tmp_path):
    before = torch.get_num_threads()
    fit(recipe, data, tmp_path, until=1)
    assert torch.get_num_threads() == before


def test_learning_loads_nothing_that_a_bare_gpu_host_lacks():
    lacking = "{'scipy', 'nilearn', 'nibabel', 'matplotlib', 'monai', 'SimpleITK', 'pydicom'}"
    code = f"import sys, train.run; sys.exit(', '.join({lacking} & set(sys.modules)) or 0)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
