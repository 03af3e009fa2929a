"""The studies on toys: everybody learns from the same subjects, and what comes out is in order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies import ablation, shift
from benchmarks.studies.plot import draw_shift
from benchmarks.studies.variant import by_subject, split_of
from tests.train.toys import toy_data
from train.config import read_recipe
from train.data import SPLIT, Prepared, read_split
from train.errors import DataInvalid

CONF = Path(__file__).parents[2] / "conf" / "train"


def toy_recipe(name, **sizes):
    """A shipped recipe, its network narrow, its chain without what toys have not."""
    recipe = read_recipe(CONF / f"{name}.toml")
    kept = [one for one in recipe.preparation.steps if one["step"] in ("normalise", "window")]
    crop = {"step": "crop_pad", "multiple": 16, "minimum": [64, 64], "margin_mm": 0}
    return replace(
        recipe,
        pairs=replace(recipe.pairs, first_seed=0, subjects=5, scans=1, validation=1, test=2),
        preparation=replace(recipe.preparation, steps=(crop, *kept)),
        learning=replace(recipe.learning, sizes=sizes, threads=1, batch=1, save_every=2),
    )


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shift")
    data = toy_data(folder / "data", labels=("T1", "T2"), makes="FLAIR", shape=(6, 64, 64))
    base = toy_recipe("agi-head-flair", channels_in=2, width=8)
    return base, data, folder, shift.study(base, data, folder / "runs", 2)


@pytest.mark.slow
def test_every_seed_learns_from_the_same_subjects(shifted):
    base, data, folder, _ = shifted
    splits = [read_split(path) for path in (folder / "runs").glob(f"*/{SPLIT}")]
    assert len(splits) == len(shift.SEEDS) * len(shift.LABELS)
    assert {one.test for one in splits} == {split_of(base, data).test}


@pytest.mark.slow
def test_moving_one_input_away_lowers_no_network_to_nothing(shifted, tmp_path):
    *_, found = shifted
    for kind, curve in found["psnr"].items():
        assert len(curve["mean"]) == len(shift.SHIFTS_PX), kind
        assert np.isfinite(curve["mean"]).all()
    assert set(found["falls"]) == {*shift.LABELS, "more"}
    draw_shift(found, tmp_path / "shift.png")
    assert (tmp_path / "shift.png").stat().st_size > 5000


@pytest.mark.slow
def test_a_run_of_other_subjects_is_not_taken_for_one_of_the_study(shifted):
    base, data, folder, _ = shifted
    other = replace(base, pairs=replace(base.pairs, test=1))
    with pytest.raises(DataInvalid, match="learned from other subjects than this study"):
        shift.study(other, data, folder / "runs", 2)


def test_an_ablation_says_its_order_beside_the_papers(tmp_path):
    data = toy_data(tmp_path / "data", makes="STIR", shape=(4, 64, 64))
    base = toy_recipe("calf-spine-stir", width=8, blocks=1)
    found = ablation.study("calf_gan", base, data, tmp_path / "runs", 2)
    assert sorted(found["our_order"]) == sorted(ablation.ABLATIONS["calf_gan"].variants)
    assert (found["ordered_by"], found["subjects"]) == ("ssim", 2)
    assert found["our_order"] == found["paper_order"] or not found["order_is_the_papers"]


def scored(**mae):
    """Return figures by variant: as many subjects as errors, PSNR and SSIM falling with them."""
    return {
        name.replace("_", " "): {
            "mae": values,
            "psnr": [30 - 100 * one for one in values],
            "ssim": [1 - one for one in values],
        }
        for name, values in mae.items()
    }


PAPER = ablation.ABLATIONS["pcsa_gan"]
FIRST, SECOND, EVEN = "attention at 4", "attention at 16", [0.4, 0.5, 0.6, 0.5]


def test_an_order_is_reproduced_where_every_subject_bears_it_out():
    told = ablation.verdict(PAPER, scored(
        attention_at_4=[0.10, 0.20, 0.30, 0.2], attention_at_16=[0.11, 0.22, 0.31, 0.21],
        no_attention=[0.09, 0.2, 0.3, 0.2], one_constant=EVEN))  # fmt: skip
    assert told["order_is_the_papers"]
    assert told["best_is_the_papers"]
    assert told["not_learned"] == []
    assert told["our_order"][0] == "no attention"
    step = told["steps"][0]
    assert (step["better"], step["worse"]) == (FIRST, SECOND)
    assert step["by"]["low"] > 0


def test_a_better_mean_that_some_subjects_do_not_bear_out_reproduces_nothing():
    told = ablation.verdict(PAPER, scored(
        attention_at_4=[0.10, 0.25, 0.30, 0.2], attention_at_16=[0.15, 0.22, 0.35, 0.16],
        no_attention=[0.3] * 4, one_constant=EVEN))  # fmt: skip
    assert told["our_order"][:2] == [FIRST, SECOND]
    assert not told["order_is_the_papers"]
    assert not told["best_is_the_papers"]


def test_a_network_no_better_than_a_constant_is_named_and_its_order_means_nothing():
    told = ablation.verdict(PAPER, scored(
        attention_at_4=[0.10, 0.20, 0.30, 0.2], attention_at_16=EVEN,
        no_attention=[0.3, 0.6, 0.6, 0.4], one_constant=EVEN))  # fmt: skip
    assert told["not_learned"] == ["no attention", SECOND]
    assert not told["order_is_the_papers"]
    assert not told["best_is_the_papers"]


def test_how_much_more_one_falls_is_counted_subject_beside_subject():
    curves = {
        "agi": {"1": [[30, 20], [28, 18]], "2": [[30, 22], [28, 18]]},
        "resunet": {"1": [[31, 25], [30, 24]], "2": [[31, 25], [29, 23]]},
    }
    found = shift.falls(curves)
    assert found["agi"]["subjects"] == [2.0, 3.0]
    assert found["more"]["seeds"] == [1.0, 1.0]
    assert found["more"]["subjects"] == [0.5, 1.5]
    assert found["more"]["mean"] == 1.0


@pytest.mark.parametrize("name", ablation.ABLATIONS)
def test_every_variant_differs_from_every_other_and_can_be_built(name):
    from train.systems import Choice, build_system

    base = ablation.recipe_of(name)
    made = [one.recipe.learning for _, one in ablation.variants(ablation.ABLATIONS[name], base, 2)]
    assert len({str(one) for one in made}) == len(ablation.ABLATIONS[name].variants)
    for one in made:
        small = {**one.sizes, "width": 12 if name == "pcsa_gan" else 8}
        build_system(
            Choice(one.system, one.preset, 2, 1, small, one.settings, one.network, one.precision)
        )


def stripes():
    """Two channels of upright stripes, 40 slices, the outer ones without body."""
    source = np.broadcast_to(np.arange(32) % 8, (2, 40, 24, 32)).astype(np.float16)
    inside = np.zeros(source.shape[1:], bool)
    inside[5:35] = True
    return Prepared(1, source, np.arange(40, dtype=np.float16)[:, None, None] * inside, inside)


def test_only_the_second_source_is_moved_and_by_what_is_said():
    pair = stripes()
    moved = shift.apart(pair, (0.0, 2.0))
    assert np.array_equal(moved[0], pair.source[0])
    assert np.array_equal(moved[1, ..., 2:], pair.source[1, ..., :-2])
    half = shift.apart(pair, (0.0, 0.5))[1, ..., 1:]
    assert np.allclose(half, (pair.source[1, ..., 1:] + pair.source[1, ..., :-1]) / 2)
    assert np.array_equal(shift.apart(pair, (3.0, 0.0)), pair.source)  # along the stripes


def test_some_slices_are_those_of_the_body_evenly():
    some = shift.some_slices(stripes())
    chosen = some.target[:, 0, 0]
    assert len(chosen) == shift.SLICES == some.source.shape[1] == len(some.inside)
    assert some.inside.all()
    apart = np.diff([5, *chosen, 34])  # of the body's first slice, of those chosen, of its last
    assert apart.max() - apart.min() <= 1


def test_scans_of_one_subject_count_once():
    class Scan:
        def __init__(self, subject):
            self.subject = subject

    scores = [{"mae": 1.0}, {"mae": 3.0}, {"mae": 5.0}]
    assert by_subject([Scan(7), Scan(7), Scan(2)], scores, "mae") == [5.0, 2.0]
