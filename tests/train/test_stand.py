"""What a run stands on is held together: whoever was learned from is never measured on."""

import fcntl
import json
import resource
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.train.toys import toy_data
from train import checkpoint
from train.data import ORDER, SPLIT, read_split
from train.errors import CheckpointInvalid, DataInvalid
from train.evaluate import measure
from train.export import export
from train.run import fit
from train.served import served


@pytest.fixture
def run(recipe, data, tmp_path):
    """One update of the tiny recipe."""
    fit(recipe, data, tmp_path / "run", until=1)
    return tmp_path / "run"


def exchanged(run):
    """Put somebody who was learned from into the test, for one who was not."""
    parts = json.loads((run / SPLIT).read_text("utf-8"))
    parts["train"][0], parts["test"][0] = parts["test"][0], parts["train"][0]
    (run / SPLIT).write_text(json.dumps(parts), "utf-8")


def test_a_split_that_was_changed_after_learning_is_not_measured_by(recipe, data, run, tmp_path):
    exchanged(run)
    wanted = "not the split that the checkpoint beside it was learned by; delete it"
    for use in (
        lambda: measure(recipe, data, run),
        lambda: export(recipe, run, tmp_path / "bundle", data),
        lambda: fit(recipe, data, run),
    ):
        with pytest.raises(DataInvalid, match=wanted):
            use()
    assert not (tmp_path / "bundle").exists()


def test_a_split_that_is_gone_is_written_again_by_what_was_learned(recipe, data, run):
    before = read_split(run / SPLIT)
    (run / SPLIT).unlink()
    fit(recipe, data, run, until=1)
    assert read_split(run / SPLIT) == before


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"train": [0, 1], "validation": [3], "test": [4, 2]}, "2 subjects for test, the recipe 1"),
        ({"train": [0, 1.7, 2], "validation": [3], "test": [4]}, "not readable as a split"),
        ([1, 2], "not readable as a split"),
    ],
)
def test_a_split_that_the_recipe_would_not_deal_is_refused(recipe, data, tmp_path, parts, said):
    (tmp_path / SPLIT).write_text(json.dumps(parts), "utf-8")
    with pytest.raises(DataInvalid, match=said):
        fit(recipe, data, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("anatomy", "spine"), ("spacing_mm", 6.0), ("scans", 5), ("sources", ["T2"])]
)
def test_phantoms_of_another_order_are_not_learned_from(recipe, run, tmp_path, key, value):
    toys = toy_data(tmp_path / "toys")
    made = recipe.pairs
    order = {
        "anatomy": made.anatomy, "sources": list(made.sources), "target": made.target,
        "scans": made.scans, "spacing_mm": made.spacing_mm, "shift_mm": made.shift_mm,
    }  # fmt: skip
    (toys / ORDER).write_text(json.dumps({"order": order}), "utf-8")
    served(recipe, run, toys)
    (toys / ORDER).write_text(json.dumps({"order": {**order, key: value}}), "utf-8")
    for use in (
        lambda: fit(recipe, toys, tmp_path / "other", until=1),
        lambda: served(recipe, run, toys),
    ):
        with pytest.raises(DataInvalid, match=f"holds phantoms of {key} .* the recipe wants"):
            use()


@pytest.mark.parametrize("text", ["", "[]", '{"order": {}}'])
def test_an_order_that_says_nothing_is_named(recipe, tmp_path, text):
    toys = toy_data(tmp_path / "toys")
    (toys / ORDER).write_text(text, "utf-8")
    with pytest.raises(DataInvalid, match=r"order\.json does not say what was ordered"):
        fit(recipe, toys, tmp_path / "run", until=1)


def test_two_do_not_learn_in_one_folder(recipe, data, run):
    with (run / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DataInvalid, match="another process works in"):
            fit(recipe, data, run)
    fit(recipe, data, run, until=2)


def rewritten(run, change):
    """Write the checkpoint again with other tensors, saying of itself what it said before."""
    path = run / checkpoint.FILE
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, about)


def test_a_weight_that_changed_on_the_disk_is_no_weight_that_was_learned(recipe, data, run):
    def flip(tensors):
        name = next(name for name in tensors if name.startswith("net/"))
        tensors[name].view(torch.uint8).reshape(-1)[0] ^= 1

    rewritten(run, flip)
    with pytest.raises(CheckpointInvalid, match="tensors are not what was written"):
        served(recipe, run, data)


def test_weights_that_are_no_numbers_are_not_served(recipe, data, run):
    found = checkpoint.load(run / checkpoint.FILE)
    broken = {name: torch.full_like(one, torch.nan) if one.is_floating_point() else one
              for name, one in found.tensors.items()}  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "load", lambda _path: replace(found, tensors=broken))
        with pytest.raises(CheckpointInvalid, match="holds what is no number"):
            served(recipe, run, data)


@pytest.mark.parametrize(
    ("key", "value"),
    [("groups", []), ("step", None), ("best", 5), ("layout", "1"), ("split", {"train": 3})],
)
def test_a_checkpoint_that_says_nonsense_of_itself_is_named(recipe, data, run, key, value):
    path = run / checkpoint.FILE
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    save_file(load_file(path), path, {"about": json.dumps({**about, key: value})})
    with pytest.raises(CheckpointInvalid):
        fit(recipe, data, run)


def test_a_disk_that_takes_no_more_leaves_the_checkpoint_of_before(recipe, data, run):
    before = (run / checkpoint.FILE).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match="free some room and fit again") as caught:
            fit(recipe, data, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(run / checkpoint.FILE)
    assert (run / checkpoint.FILE).read_bytes() == before
    assert not list(run.glob("*.part"))
    assert checkpoint.load(fit(recipe, data, run)).step == recipe.learning.steps
