"""From subjects that nothing was learned from to limits in a bundle that the engine reads."""

import json
from dataclasses import replace

import pytest

from engine.device import choose
from engine.pipeline import synthesise
from engine.quality import read_gate
from engine.task import FEWEST, RESULT, SOURCE, Task, read_bundle
from tests.engine.networks import bundle_of, lively
from tests.train.toys import SHAPE, toy_pair
from train.calibrate import LIKENESS, QUALITY, calibrate
from train.errors import DataInvalid
from train.pair import write_pair

FIRST = 900


@pytest.fixture
def bundle(tmp_path):
    folder = bundle_of(lively(), tmp_path / "tiny")
    (folder / "card.md").write_text("A card.")
    return folder


def pairs(folder, numbers):
    for number in numbers:
        write_pair(folder, toy_pair(number))
    return folder


@pytest.fixture
def others(tmp_path):
    return pairs(tmp_path / "others", range(FIRST, FIRST + FEWEST))


def test_limits_of_others_stand_in_the_bundle_and_it_is_another_model(recipe, bundle, others):
    before, seen = read_bundle(bundle), []
    made = calibrate(recipe, bundle, others, report=lambda: seen.append(1))
    assert len(seen) == FEWEST
    assert made == read_bundle(bundle)
    assert made.digest != before.digest
    assert (bundle / "card.md").read_text() == "A card."
    gate = read_gate(made)
    assert (gate.sources[0].keys(), gate.result.keys()) == (SOURCE.keys(), RESULT.keys())
    about = json.loads((bundle / QUALITY).read_text())["calibrated_on"]
    assert about["subjects"] == FEWEST
    assert about["seeds"] == [FIRST, FIRST + FEWEST - 1]
    assert about["weights"] == made.weights_sha256
    assert about["planes"] == [["axial"]]
    assert (bundle / LIKENESS).is_file()


def test_those_that_set_the_limits_are_within_them_and_what_is_unlike_is_not(
    recipe, bundle, others
):
    task = Task("sct", ("T1",), "CT", calibrate(recipe, bundle, others))
    cpu = choose("cpu", threads=1)
    source = toy_pair(FIRST).source
    within = {
        one.name for one in read_gate(task.bundle).of_sources([source]) if one.verdict == "PASS"
    }
    assert within == set(SOURCE)
    assert synthesise([source], task, cpu).held == ()
    small = toy_pair(FIRST, shape=tuple(size - 4 for size in SHAPE)).source
    held = synthesise([small], task, cpu).held
    assert "FOV_OUTSIDE" in {str(one.code) for one in held}


def test_too_few_set_no_limits_and_the_bundle_stays_as_it_was(recipe, bundle, tmp_path):
    before = read_bundle(bundle)
    few = pairs(tmp_path / "few", range(FIRST, FIRST + FEWEST - 1))
    with pytest.raises(DataInvalid, match=f"{FEWEST - 1} subjects .* at least {FEWEST} are wanted"):
        calibrate(recipe, bundle, few)
    assert read_bundle(bundle) == before


def test_who_was_learned_from_sets_no_limits(recipe, bundle, others, tmp_path):
    own = replace(recipe, pairs=replace(recipe.pairs, first_seed=FIRST + 5))
    with pytest.raises(DataInvalid, match=f"subject {FIRST + 5}, which .* learned from"):
        calibrate(own, bundle, others)
    assert not (bundle / QUALITY).exists()


@pytest.mark.slow
def test_limits_are_the_same_whatever_the_number_of_processes(recipe, bundle, others):
    first = calibrate(recipe, bundle, others).digest
    assert calibrate(recipe, bundle, others, workers=2).digest == first
