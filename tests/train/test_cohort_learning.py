"""Learning from the persons of a cohort: from the pairs to a bundle that says so."""

import dataclasses
import json

import pytest
import torch

from engine.models import bake
from engine.task import read_bundle
from engine.weights import read
from tests.train.conftest import SHIPPED
from tests.train.toys import toy_pair
from train import checkpoint
from train import run as loop
from train.calibrate import calibrate
from train.config import Cohort, read_recipe
from train.data import SPLIT, person_number, read_split
from train.errors import CheckpointInvalid, DataInvalid, RecipeInvalid
from train.evaluate import REPORT, measure
from train.export import export
from train.pair import Pair, path_of, read_pair, write_pair
from train.run import fit
from train.start import start_from
from train.systems import build_system

MODELS = SHIPPED.parents[1] / "models"
COHORT = """[cohort]
anatomy = "head"
sources = ["T1"]
target = "CT"
salt = "of this site"
held_out = 0.25
watched = 0.2

"""


def put(folder, number: int) -> None:
    pair, person = toy_pair(number), f"P{number}"
    about = {**pair.about, "person": person, "subject": person_number(person), "key": f"k{number}",
             "strata": {"scanner": "S1"}}  # fmt: skip
    write_pair(folder, Pair(pair.sources, pair.target, pair.body, pair.tissue * 0, about))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    for number in range(12):
        put(folder, number)
    return folder


@pytest.fixture
def cohort_text(recipe_text):
    before, _, rest = recipe_text.partition("[phantoms]")
    return before + COHORT + rest[rest.index("[preparation]") :]


@pytest.fixture
def cohort_file(tmp_path, cohort_text):
    path = tmp_path / "ours.toml"
    path.write_text(cohort_text, encoding="utf-8")
    return path


@pytest.fixture
def ours(cohort_file):
    return read_recipe(cohort_file)


@pytest.fixture
def learned(ours, pairs, tmp_path):
    fit(ours, pairs, tmp_path / "run")
    return tmp_path / "run"


def test_a_recipe_learns_from_a_cohort_or_from_phantoms(ours, cohort_file, recipe_file):
    assert isinstance(ours.pairs, Cohort)
    assert ours.section == "cohort"
    both = recipe_file.read_text("utf-8") + COHORT
    cohort_file.write_text(both, encoding="utf-8")
    with pytest.raises(RecipeInvalid, match=r"both \[phantoms\] and \[cohort\] says what is"):
        read_recipe(cohort_file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (COHORT, "", r"neither \[phantoms\] nor \[cohort\]"),
        ('salt = "of this site"', 'salt = " "', r"\[cohort\] salt is blank; write a word"),
        ("held_out = 0.25", "held_out = 0", r"\[cohort\] held_out = 0.0; a number from 0.05 to"),
        ("watched = 0.2", "watched = 0.9", r"\[cohort\] watched = 0.9; a number from 0.01"),
        ("[accepts] ", "[gate]\nfirst_seed = 4\nsubjects = 20\n[accepts] ",
         r"\[gate\] sets limits on phantoms, which are no persons"),
        ('makes = "CT"', 'makes = "PT"', r"\[model\] makes = 'PT' and \[cohort\] target = 'CT'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(cohort_file, cohort_text, old, new, said):
    assert old in cohort_text
    cohort_file.write_text(cohort_text.replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeInvalid, match=said):
        read_recipe(cohort_file)


def test_who_is_held_out_is_measured_on_and_the_papers_say_whom(ours, pairs, learned, tmp_path):
    split = read_split(learned / SPLIT)
    found = measure(ours, pairs, learned)
    assert {int(one) for one in found["per_subject"]} == set(split.test)
    assert found["measured_on"] == "held-out persons of the cohort that was learned from (head)"
    assert (found["phantom_recipe"], len(found["pairs"])) == ([], 64)
    assert "Persons of one archive" in (learned / REPORT).read_text("utf-8")
    made = export(ours, learned, tmp_path / "ours", pairs)
    card = (made.path / "card.md").read_text("utf-8")
    assert "held-out person" in card
    assert "It has seen no patient" not in card
    assert "persons of an archive, head; 25% of them held out and 20% looked at" in card


def test_nobody_opens_what_is_held_out_while_learning(ours, pairs, tmp_path, monkeypatch):
    def peep(recipe, shelf, split, entries):
        read_pair(path_of(shelf.folder, split.test[0], 0))

    monkeypatch.setattr(loop, "pools_of", peep)
    with pytest.raises(DataInvalid, match="is of somebody held out: learning does not open it"):
        fit(ours, pairs, tmp_path / "run")


def test_a_split_that_was_written_by_hand_is_not_learned_by(ours, pairs, learned):
    parts = json.loads((learned / SPLIT).read_text("utf-8"))
    parts["train"][0], parts["test"][0] = parts["test"][0], parts["train"][0]
    (learned / SPLIT).write_text(json.dumps(parts), "utf-8")
    (learned / checkpoint.FILE).unlink()
    with pytest.raises(DataInvalid, match="not the split"):
        fit(ours, pairs, learned)


def test_persons_who_join_later_change_nothing_of_a_run(ours, tmp_path):
    for number in range(12):
        put(tmp_path / "pairs", number)
    fit(ours, tmp_path / "pairs", tmp_path / "run", until=2)
    before = read_split(tmp_path / "run" / SPLIT)
    put(tmp_path / "pairs", 12)
    fit(ours, tmp_path / "pairs", tmp_path / "run")
    assert read_split(tmp_path / "run" / SPLIT) == before


def test_limits_are_set_on_those_whom_it_watches_alone(ours, pairs, learned, tmp_path):
    made = export(ours, learned, tmp_path / "ours", pairs)
    with pytest.raises(DataInvalid, match=r"holds [1-6] subjects .* at least 20 are wanted"):
        calibrate(ours, made.path, pairs)


def test_a_recipe_of_phantoms_sets_no_limits_on_persons(recipe, ours, pairs, learned, tmp_path):
    made = export(ours, learned, tmp_path / "ours", pairs)
    with pytest.raises(DataInvalid, match="is of a person of a cohort, whom a model may have"):
        calibrate(recipe, made.path, pairs)


def test_phantoms_are_not_made_for_it_and_not_taken(ours, tmp_path):
    with pytest.raises(RecipeInvalid, match="no phantoms are made for it"):
        _ = ours.phantoms
    put(tmp_path, 1)
    (tmp_path / "order.json").write_text("{}", encoding="utf-8")
    put(tmp_path, 2)
    for number in range(3, 15):
        put(tmp_path, number)
    with pytest.raises(DataInvalid, match="holds phantoms, the recipe learns from the persons"):
        fit(ours, tmp_path, tmp_path / "run")


@pytest.fixture
def begun(ours, cohort_file, cohort_text, pairs, learned, tmp_path):
    """The recipe that learns on from a model of the first, whose folder lies beside its file."""
    made = export(ours, learned, tmp_path / "first", pairs)
    text = cohort_text.replace('draw = "slices"', 'draw = "slices"\nstart = "first"')
    cohort_file.write_text(text, encoding="utf-8")
    return made, read_recipe(cohort_file)


def test_what_learns_on_begins_with_the_weights_of_the_model(begun, pairs, tmp_path):
    made, recipe = begun
    system = build_system(loop._chosen(recipe))
    assert start_from(made.path, recipe, system) == made.weights_sha256
    wanted = read(made.weights_path, made.weights_sha256)
    for name in (system.served, system.latest):
        state = system.networks[name].state_dict()
        assert all(state[key].equal(one) for key, one in wanted.items())
    path = fit(recipe, pairs, tmp_path / "on")
    assert checkpoint.load(path).start == made.weights_sha256


def test_a_run_goes_on_with_the_weights_that_it_began_with_alone(begun, pairs, learned, tmp_path):
    made, recipe = begun
    with pytest.raises(CheckpointInvalid, match=r"began from new weights, \[learning\] start is"):
        fit(recipe, pairs, learned)
    fit(recipe, pairs, tmp_path / "on", until=2)
    fit(recipe, pairs, tmp_path / "on")
    afresh = dataclasses.replace(recipe, learning=dataclasses.replace(recipe.learning, start=""))
    with pytest.raises(CheckpointInvalid, match=f"began from {made.weights_sha256[:12]}"):
        fit(afresh, pairs, tmp_path / "on")


def test_another_network_is_no_start(begun, pairs, tmp_path):
    _, recipe = begun
    wide = dataclasses.replace(recipe.learning, sizes={"width": 8, "blocks": 1})
    with pytest.raises(RecipeInvalid, match="is no hlsnc_gan of the recipe's sizes"):
        fit(dataclasses.replace(recipe, learning=wide), pairs, tmp_path / "other")


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir()))
def test_every_shipped_model_can_be_learned_on_from(name):
    """3D-mDAUNet is served with plain kernels, and learns with those of spectral norm 1."""
    recipe, bundle = read_recipe(SHIPPED.with_name(f"{name}.toml")), read_bundle(MODELS / name)
    system, learned = build_system(loop._chosen(recipe)), recipe.learning
    start_from(bundle.path, recipe, system)
    for network in {system.networks[one] for one in (system.served, system.latest)}:
        state = network.eval().state_dict()
        _, again = bake(learned.network, learned.preset, learned.sizes, state)
        for key, one in read(bundle.weights_path, bundle.weights_sha256).items():
            assert torch.allclose(again[key].float(), one.float(), rtol=0.01, atol=1e-6), key
