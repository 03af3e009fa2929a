import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from engine.device import choose
from engine.errors import InputRefused
from engine.preprocess import Chain, Window
from engine.reason import Code, Reason
from engine.task import Generation
from tests.train.evaluate.conftest import MR, base, learned, task  # noqa: F401
from tests.train.toys import toy_pair
from train.data import SPLIT, read_index, read_split, truth_of
from train.downstream import DOWNSTREAM, assess
from train.downstream.segment import Effort
from train.errors import DataInvalid
from train.pair import read_pair, write_pair
from train.run import fit
from train.served import served

assessing = sys.modules["train.downstream.assess"]  # the package's name of it is the function
QUICK = Effort(steps=20, batch=2, width=4)


def test_a_segmenter_compares_synthetic_with_real(base, tmp_path):  # noqa: F811
    one = learned(task(base, ("T1",), "CT"), tmp_path)
    found = assess(one.recipe, one.data, one.run, effort=QUICK)
    assert json.loads((one.run / DOWNSTREAM).read_text("utf-8")) == found
    assert [row["name"] for row in found["rows"]] == ["fluid", "fat"]
    assert all(len(row["values"]) == len(found["columns"]) == 2 for row in found["rows"])
    assert found["mean_dice"]["real"] > 0.2
    assert found["weights"] == served(one.recipe, one.run, one.data).sha256
    assert found["recipe"] == one.recipe.digest
    assert "1 held-out phantoms, tested on 1 others" in found["how"]


class Oracle(nn.Module):
    """A network that makes no error: it answers what it was told, whatever it is shown."""

    def __init__(self, answer):
        super().__init__()
        self.answer = torch.from_numpy(np.asarray(answer, np.float32))[None, None]

    def forward(self, x):
        return self.answer


@pytest.mark.parametrize("makes", ["CT", "PT"])
def test_real_images_are_as_sharp_as_those_of_a_network_without_error(base, tmp_path, makes):  # noqa: F811
    steps = tuple(
        step | {"spacing_mm": [8.0, 5.0, 7.0]} if step["step"] == "resample" else step
        for step in MR
    )
    one = task(base, ("T1",), makes)
    one = replace(one, preparation=replace(one.preparation, steps=steps))
    model, prepared = learned(one, tmp_path), one.preparation
    found, pair = served(one, model.run, model.data), read_pair(read_index(model.data)[0].path)
    _, trace = found.generator.chain.apply(pair.sources)
    there = trace.follow(truth_of(pair, prepared), outside=prepared.outside).voxels
    answer = Window(*prepared.window, prepared.onto).apply(there)
    oracle = replace(found.generator, network=Oracle(answer), generation=Generation("whole"))
    made = oracle(pair.sources, choose("cpu", threads=1)).volume.voxels
    model = replace(found, generator=oracle)
    if makes == "PT":
        seen = assessing._patient(one, model, pair, made).features
        np.testing.assert_allclose(seen["real"], seen["synthetic"], atol=1e-4)
    else:
        example = assessing._example(one, model, pair, made)
        np.testing.assert_allclose(example.real, example.synthetic, atol=1e-4)


def test_one_held_out_subject_is_too_few(base, tmp_path):  # noqa: F811
    recipe = task(base, ("T1",), "CT")
    recipe = replace(recipe, pairs=replace(recipe.pairs, test=1))
    one = learned(recipe, tmp_path)
    with pytest.raises(DataInvalid, match="two or more"):
        assess(one.recipe, one.data, one.run, effort=QUICK)


def test_a_classifier_judges_pet(base, tmp_path):  # noqa: F811
    recipe = task(base, ("T1",), "PT")
    recipe = replace(
        recipe,
        pairs=replace(recipe.pairs, subjects=10, test=7),
        preparation=replace(recipe.preparation, steps=(MR[0], MR[-1])),
    )
    for subject in range(10):
        pair = toy_pair(subject, makes="PT", shape=(16, 24, 24))
        sick = subject % 2 == 1
        voxels = pair.target.voxels * np.float32(0.5 if sick else 1.0)
        strata = {"disease": "alzheimer" if sick else "none"}
        sicker = pair.target.with_voxels(voxels)
        write_pair(
            tmp_path / "data", replace(pair, target=sicker, about={**pair.about, "strata": strata})
        )
    fit(recipe, tmp_path / "data", tmp_path / "run")
    found = assess(recipe, tmp_path / "data", tmp_path / "run")
    assert found["columns"][-1] == "AUC"
    assert found["rows"][0]["name"] == "real PET (the bound)"
    assert found["rows"][0]["values"][4]["mean"] == 1  # half the uptake is easy to see


def strange(plain, subjects):
    """A preparation that refuses some subjects for what they show."""

    def sent(pair):
        if pair.about["subject"] not in subjects:
            return plain(pair)
        dark = pair.source.with_voxels(np.full_like(pair.source.voxels, -7))
        return (dark.with_voxels(dark.voxels + (np.indices(dark.shape)[0] > 3)),)

    return sent


def refusing(chain):
    def apply(one, volumes):
        if float(np.max(volumes[0].voxels)) < 0:
            raise InputRefused([Reason(Code.OUT_OF_DISTRIBUTION, "no grey matter found")])
        return chain(one, volumes)

    return apply


@pytest.mark.parametrize("refused", [1, 3])
def test_scans_that_the_steps_refuse_are_named_and_left_out(base, tmp_path, monkeypatch, refused):  # noqa: F811
    recipe = task(base, ("T1",), "CT")
    recipe = replace(recipe, pairs=replace(recipe.pairs, test=3))
    one = learned(recipe, tmp_path)
    subjects = read_split(one.run / SPLIT).test[:refused]
    monkeypatch.setattr(assessing, "as_sent", strange(assessing.as_sent, subjects))
    monkeypatch.setattr(Chain, "apply", refusing(Chain.apply))
    if refused == 3:
        with pytest.raises(DataInvalid, match="refuse every scan held out; the first: OUT_OF_DIST"):
            assess(one.recipe, one.data, one.run, effort=QUICK)
        return
    found = assess(one.recipe, one.data, one.run, effort=QUICK)
    why = "OUT_OF_DISTRIBUTION: no grey matter found"
    assert found["refused"] == [{"subject": subjects[0], "scan": 0, "why": why}]
    assert "1 held-out phantoms, tested on 1 others" in found["how"]
    assert json.loads((one.run / DOWNSTREAM).read_text("utf-8")) == found
