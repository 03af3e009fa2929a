import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from tests.train.toys import toy_data
from train import checkpoint
from train.data import ATLAS, SPLIT, read_split
from train.errors import CheckpointInvalid, DataInvalid, NotFinite, OutOfMemory, RecipeInvalid
from train.journal import LOG
from train.run import SAMPLES, _chosen, fit


def weights(path):
    return checkpoint.load(path).tensors


def learning(recipe, **changes):
    return dataclasses.replace(recipe, learning=dataclasses.replace(recipe.learning, **changes))


@pytest.fixture
def regression(recipe):
    """The baseline of the tiny recipe: one network, no adversary."""
    return recipe.regression()


def log(folder):
    with (folder / LOG).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_stopped_and_resumed_it_ends_with_the_same_bytes(recipe, data, tmp_path):
    whole = fit(recipe, data, tmp_path / "whole")
    fit(recipe, data, tmp_path / "parts", until=4)
    assert checkpoint.load(tmp_path / "parts" / checkpoint.FILE).step == 4
    parts = fit(recipe, data, tmp_path / "parts")
    assert whole.read_bytes() == parts.read_bytes()
    assert checkpoint.load(whole).step == recipe.learning.steps


def test_killed_and_resumed_it_ends_with_the_same_bytes_and_the_same_log(
    recipe, recipe_file, data, tmp_path
):
    text = recipe_file.read_text("utf-8").replace("steps = 6", "steps = 15")
    recipe_file.write_text(text, "utf-8")
    long = learning(recipe, steps=15)
    command = [sys.executable, "-m", "train", "fit", str(recipe_file)]
    command += ["--data", str(data), "--run", str(tmp_path / "killed")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    path = tmp_path / "killed" / checkpoint.FILE
    while not path.is_file() and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert 3 <= checkpoint.load(path).step < 15
    assert fit(long, data, path.parent).read_bytes() == fit(long, data, tmp_path / "w").read_bytes()
    logs = [log(folder) for folder in (path.parent, tmp_path / "w")]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    assert [row["validation"] for row in logs[0]] == [row["validation"] for row in logs[1]]


def test_what_is_learned_asks_for_no_pair_again(regression, data, tmp_path):
    path = fit(regression, data, tmp_path / "run")
    before = path.read_bytes()
    assert fit(regression, tmp_path / "gone", tmp_path / "run").read_bytes() == before


def test_another_seed_learns_something_else(regression, data, tmp_path):
    other = learning(regression, seed=2)
    one = fit(regression, data, tmp_path / "a", until=1)
    two = fit(other, data, tmp_path / "b", until=1)
    assert any(not torch.equal(weights(one)[k], weights(two)[k]) for k in weights(one))


def test_it_leaves_a_log_pictures_and_the_split(recipe, data, tmp_path):
    seen = []
    fit(recipe, data, tmp_path, report=lambda step, losses: seen.append((step, set(losses))))
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert ["validation" in names for _, names in seen] == [False, True] * 3
    rows = log(tmp_path)
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert all(float(row[name]) > 0 for row in rows for name in ("voxel", "cycle", "validation"))
    assert sorted(p.name for p in (tmp_path / SAMPLES).iterdir()) == [
        "step-000003.png", "step-000006.png",
    ]  # fmt: skip
    split = read_split(tmp_path / SPLIT)
    assert len(split.train) == 3
    assert not set(split.train) & {*split.validation, *split.test}


def stubborn(regression, **changes):
    """A rate that spoils what it learns: the error on others rises soon."""
    settings = {"learning_rate": 0.5, "average": 0.0}
    return learning(
        regression, steps=30, settings=settings, report_every=1, save_every=7, **changes
    )


def test_patience_stops_and_serves_the_best(regression, data, tmp_path):
    path = fit(stubborn(regression, patience=3), data, tmp_path)
    found, rows = checkpoint.load(path), log(tmp_path)
    errors = {int(row["step"]): float(row["validation"]) for row in rows}
    best = min(errors, key=errors.__getitem__)
    assert found.best.step == best
    assert found.step == best + 3 < 30
    assert found.best.error == pytest.approx(errors[best], abs=1e-6)
    served = checkpoint.served_weights(found)
    until = fit(stubborn(regression, patience=3), data, tmp_path / "best", until=best)
    for name, value in checkpoint.served_weights(checkpoint.load(until)).items():
        assert torch.equal(value, served[name])


def test_patience_survives_a_stop_and_its_end_is_the_end(regression, data, tmp_path):
    recipe = stubborn(regression, patience=3)
    whole = fit(recipe, data, tmp_path / "whole")
    fit(recipe, data, tmp_path / "parts", until=checkpoint.load(whole).step - 1)
    parts = fit(recipe, data, tmp_path / "parts")
    assert whole.read_bytes() == parts.read_bytes()
    seen = []
    fit(recipe, data, tmp_path / "parts", report=lambda step, _: seen.append(step))
    assert seen == []


@pytest.mark.parametrize(
    ("draw", "generate"), [("patches", {"how": "windows", "size": [8, 8, 8], "overlap": 0.5}),
                           ("volumes", {"how": "whole"})],
)  # fmt: skip
def test_patches_and_volumes_of_several_channels_are_learned_from(
    regression, tmp_path, draw, generate
):
    toys = toy_data(tmp_path / "toys", labels=("T1", "T2"))
    made = dataclasses.replace(regression.pairs, sources=("T1", "T2"))
    steps = ({"step": "orient"}, {"step": "normalise", "high": 0.99, "onto": [0, 1]})
    prepared = dataclasses.replace(
        regression.preparation, steps=steps, onto=(0.0, 1.0), generate=generate
    )
    recipe = dataclasses.replace(
        learning(
            regression, network="pcsa_gan", draw=draw, patch=(16, 16, 16), batch=1,
            sizes={"channels_in": 2, "width": 24, "attention": 0},
        ),
        pairs=made,
        preparation=prepared,
    )  # fmt: skip
    if draw == "volumes":
        toys = toy_data(tmp_path / "even", labels=("T1", "T2"), shape=(16, 16, 16))
    path = fit(recipe, toys, tmp_path / "run", until=2)
    assert checkpoint.load(path).step == 2
    fit(recipe, toys, tmp_path / "parts", until=1)
    assert fit(recipe, toys, tmp_path / "parts", until=2).read_bytes() == path.read_bytes()
    half = learning(recipe, precision="bf16")
    with pytest.raises(RecipeInvalid, match="3D convolutions on a CPU may give no numbers"):
        fit(half, toys, tmp_path / "half", until=1)
    assert not (tmp_path / "half").exists()


def test_unpaired_sets_are_learned_from_and_measured_on_pairs(recipe, data, tmp_path):
    settings = {**recipe.learning.settings, "voxel": 0.0, "unpaired_every": 1}
    fit(learning(recipe, paired=False, settings=settings), data, tmp_path, until=2)
    assert float(log(tmp_path)[0]["validation"]) > 0


def test_a_folder_of_another_recipe_is_refused(regression, data, tmp_path):
    fit(regression, data, tmp_path, until=1)
    with pytest.raises(CheckpointInvalid, match="was learned by another recipe"):
        fit(learning(regression, batch=1), data, tmp_path)


def test_a_checkpoint_that_was_cut_off_is_named(regression, data, tmp_path):
    path = fit(regression, data, tmp_path, until=1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointInvalid, match=r"cut off or of another kind .* delete it and run"):
        fit(regression, data, tmp_path)


def test_one_subject_in_two_parts_is_named(regression, data, tmp_path):
    parts = {"train": [0, 1, 2], "validation": [2], "test": [4]}
    (tmp_path / SPLIT).write_text(json.dumps(parts), encoding="utf-8")
    with pytest.raises(DataInvalid, match="subject 2 is in two parts of the split"):
        fit(regression, data, tmp_path)


def test_an_unknown_augmentation_is_named(regression, data, tmp_path):
    with pytest.raises(RecipeInvalid, match=r"\[learning\.augment\] unknown key 'blur'"):
        fit(learning(regression, augment={"blur": 1.0}), data, tmp_path)


def test_images_of_another_range_than_the_networks_are_refused(regression, data, tmp_path):
    prepared = dataclasses.replace(regression.preparation, onto=(0.0, 1.0))
    with pytest.raises(RecipeInvalid, match=r"onto is \[0.0, 1.0\]; hlsnc_gan wants \[-1.0, 1.0\]"):
        fit(dataclasses.replace(regression, preparation=prepared), data, tmp_path)
    with pytest.raises(RecipeInvalid, match=r"what the steps leave is \[-1.*; resunet wants"):
        fit(learning(regression, network="resunet", sizes={}), data, tmp_path)


def test_calf_gan_may_learn_and_make_images_from_nought_to_one(regression, data, tmp_path):
    steps = tuple(
        {**step, "onto": [0, 1]} if step["step"] == "normalise" else step
        for step in regression.preparation.steps
    )
    prepared = dataclasses.replace(regression.preparation, steps=steps, onto=(0.0, 1.0))
    sizes = {"width": 8, "blocks": 1, "guidance": False, "range": "unit"}
    calf = learning(regression, network="calf_gan", preset="robust", sizes=sizes)
    unit = dataclasses.replace(calf, preparation=prepared)
    assert checkpoint.load(fit(unit, data, tmp_path / "unit", until=1)).step == 1
    symmetric = learning(unit, sizes={**sizes, "range": "symmetric"})
    with pytest.raises(RecipeInvalid, match=r"calf_gan wants \[-1.0, 1.0\]"):
        fit(symmetric, data, tmp_path / "symmetric", until=1)


def test_a_network_of_other_channels_than_the_sources_is_named(regression, tmp_path):
    toys = toy_data(tmp_path / "toys", labels=("T1", "T2"))
    two = dataclasses.replace(regression.pairs, sources=("T1", "T2"))
    with pytest.raises(RecipeInvalid, match=r"was given 2 sources .*; set sizes.channels_in = 2"):
        fit(dataclasses.replace(regression, pairs=two), toys, tmp_path / "run")


def test_an_atlas_that_is_asked_for_and_absent_is_named(regression, data, tmp_path):
    steps = ({"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]},)
    prepared = dataclasses.replace(regression.preparation, steps=steps)
    with pytest.raises(DataInvalid, match=r"no .*atlas\.safetensors; 'dicom-train phantom --rec"):
        fit(dataclasses.replace(regression, preparation=prepared), data, tmp_path)


def test_nothing_to_learn_from_is_named(regression, tmp_path):
    with pytest.raises(DataInvalid, match="no prepared pair"):
        fit(regression, tmp_path / "none", tmp_path / "run")


def test_a_rate_that_blows_up_is_named(regression, data, tmp_path):
    wild = learning(regression, settings={"learning_rate": 1e30, "average": 0.0, "clip": 0.0})
    with pytest.raises(NotFinite, match="lower learning_rate or set clip"):
        fit(wild, data, tmp_path)


def test_a_network_that_does_not_fit_is_named_with_a_remedy(regression, data, tmp_path):
    huge = learning(regression, sizes={"width": 400_000, "blocks": 1})
    with pytest.raises(OutOfMemory, match=r"no memory left on cpu for hlsnc_gan .*; lower \[learn"):
        fit(huge, data, tmp_path)


def test_threads_and_chance_are_given_back(regression, data, tmp_path):
    before = torch.get_num_threads()
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    fit(regression, data, tmp_path, until=1)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.rand(1), wanted)


def test_learning_loads_nothing_that_a_bare_gpu_host_lacks():
    lacking = "{'scipy', 'nilearn', 'nibabel', 'matplotlib', 'monai', 'SimpleITK', 'pydicom'}"
    code = f"import sys, train.run; sys.exit(', '.join({lacking} & set(sys.modules)) or 0)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_the_window_of_hounsfield_units_is_told_to_the_system(recipe):
    assert _chosen(recipe).window == (-1000.0, 2000.0)
    mr = dataclasses.replace(recipe.preparation, unit="1")
    assert _chosen(dataclasses.replace(recipe, preparation=mr)).window is None


def test_who_is_left_over_in_the_folder_is_not_learned_from(regression, data, tmp_path):
    """The same bytes, whoever else has a file there."""
    more = toy_data(tmp_path / "more", count=8)
    one, two = (fit(regression, where, tmp_path / where.name / "run") for where in (data, more))
    assert one.read_bytes() == two.read_bytes()
    split = read_split(two.parent / SPLIT)
    assert sorted(split.everyone) == [0, 1, 2, 3, 4]


def test_subjects_that_are_not_in_the_folder_are_named(regression, tmp_path):
    few = toy_data(tmp_path / "few", count=3)
    with pytest.raises(DataInvalid, match=r"of 2 of 5 subjects \(3, 4\) in .*few; make them with"):
        fit(regression, few, tmp_path / "run")


def test_a_split_of_others_than_the_recipes_is_refused(regression, data, tmp_path):
    parts = {"train": [0, 1, 2], "validation": [3], "test": [7]}
    (tmp_path / SPLIT).write_text(json.dumps(parts), encoding="utf-8")
    with pytest.raises(DataInvalid, match=r"names subject 7; the recipe has 0 to 4: fit into"):
        fit(regression, data, tmp_path)


@pytest.mark.parametrize("cut", [b"", b"spoilt", None])
def test_an_atlas_that_was_cut_off_is_named(regression, tmp_path, cut):
    toys = toy_data(tmp_path / "toys")
    whole = save({"t1": np.zeros((2, 2, 2), np.uint8)})
    (toys / ATLAS).write_bytes(whole[:-4] if cut is None else cut)
    steps = ({"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]},)
    prepared = dataclasses.replace(regression.preparation, steps=steps)
    with pytest.raises(
        DataInvalid, match=r"atlas\.safetensors is no whole atlas .*; delete it and"
    ):
        fit(dataclasses.replace(regression, preparation=prepared), toys, tmp_path / "run")


def test_a_file_that_is_no_atlas_is_named(regression, tmp_path):
    toys = toy_data(tmp_path / "toys")
    (toys / ATLAS).write_bytes(save({"t1": np.zeros((2, 2, 2), np.uint8)}))
    steps = ({"step": "template", "spacing_mm": 3, "shape": [64, 64, 64]},)
    prepared = dataclasses.replace(regression.preparation, steps=steps)
    with pytest.raises(DataInvalid, match=r"lacks affine, fluid, grey, white.*delete it and make"):
        fit(dataclasses.replace(regression, preparation=prepared), toys, tmp_path / "run")
