"""Two models on whom neither learned from: looked at, held to a gate file, written down."""

import json
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner

from engine.task import read_bundle
from tests.train.toys import toy_pair
from tests.train.verdict.test_gatefile import TEXT
from train.cli import main
from train.errors import BundleInvalid, DataInvalid
from train.export import export
from train.pair import write_pair
from train.run import fit
from train.verdict import KEEP, REPORT, VERDICT, compare, read_gate_file
from train.verdict.compare import changed_parts


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a function that gives the bundles of one update and of six, and the run."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def bundles(recipe, data):
        if not made:
            for name, until in (("active", 1), ("candidate", 6)):
                fit(recipe, data, folder / "run", until=until)
                made[name] = export(recipe, folder / "run", folder / name / "head-ct", data).path
        return made["active"], made["candidate"], folder / "run"

    return bundles


@pytest.fixture
def gate(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def toys(tmp_path):
    """Phantoms that neither has learned from: the recipe has subjects 0 to 4."""
    for subject in (70, 71, 72):
        write_pair(tmp_path / "toys", toy_pair(subject))
    return tmp_path / "toys"


def test_a_verdict_rests_on_those_held_out_and_says_the_same_again(
    recipe, data, models, gate, toys
):
    (*bundles, run), asked = models(recipe, data), read_gate_file(gate)
    told = []
    found = compare(recipe, bundles, asked, (data, run, toys), 1, lambda *one: told.append(one))
    assert told[-1] == (5, 5)
    assert found.report["verdict"] == KEEP
    assert found.report["groups"] == {"held out": 1, "watched": 1, "phantoms": 3}
    failed = {one["name"] for one in found.report["criteria"] if not one["passed"]}
    assert "enough" in failed
    assert found.report["changed"] == ["weights"]
    again = compare(recipe, bundles, asked, (data, run, toys), 2)
    assert again.report == found.report
    assert [entry.subject for entry in found.worst] == [found.report["per_subject"][0]["subject"]]


def test_the_command_writes_a_page_and_says_why_not(
    recipe_file, recipe, data, models, gate, tmp_path
):
    active, candidate, run = models(recipe, data)
    (run / VERDICT).write_text("{}", "utf-8")
    words = ["verdict", recipe_file, candidate, "--against", active, "--gate", gate]
    words += ["--data", data, "--run", run]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 3, done.output
    assert "  FAILED  1 held out and measured; 20 or more are wanted" in done.output
    assert done.output.splitlines()[-1] == f"KEEP: {run / REPORT}"
    written = json.loads((run / VERDICT).read_text("utf-8"))
    assert written["verdict"] == KEEP
    page = (run / REPORT).read_text("utf-8")
    assert "keep the active model" in page
    assert page.index("<b>failed</b>") < page.index("<b>passed</b>")
    assert "Another dose." in page
    assert page.count('<img class="chart"') == 1


def test_models_of_other_tasks_are_not_compared(recipe, data, models, gate, tmp_path):
    active, candidate, run = models(recipe, data)
    other = tmp_path / "head-ct"
    shutil.copytree(candidate, other)
    contract = json.loads((other / "contract.json").read_text("utf-8"))
    contract["accepts"]["labels"] = ["T2"]
    (other / "contract.json").write_text(json.dumps(contract), "utf-8")
    with pytest.raises(BundleInvalid, match=r"takes \('T2',\), where \('T1',\) is wanted"):
        compare(recipe, (active, other), read_gate_file(gate), (data, run, None))


def test_a_gate_file_of_another_model_is_not_asked(recipe, data, models, gate):
    active, candidate, run = models(recipe, data)
    gate.write_text(TEXT.replace('"head-ct"', '"spine-stir"'), "utf-8")
    with pytest.raises(BundleInvalid, match="is called head-ct, where spine-stir is wanted"):
        compare(recipe, (active, candidate), read_gate_file(gate), (data, run, None))


def test_a_model_that_was_not_learned_in_the_run_is_not_compared(recipe, data, models, gate):
    active, _, run = models(recipe, data)
    with pytest.raises(BundleInvalid, match="does not hold what was learned in"):
        compare(recipe, (active, active), read_gate_file(gate), (data, run, None))


def test_phantoms_that_the_recipe_learns_from_or_of_another_task_are_refused(
    recipe, data, models, gate, tmp_path
):
    (*bundles, run), asked = models(recipe, data), read_gate_file(gate)
    with pytest.raises(DataInvalid, match="is of subject 0, which the recipe learns from"):
        compare(recipe, bundles, asked, (data, run, data))
    write_pair(tmp_path / "other", toy_pair(80, labels=("T2",)))
    with pytest.raises(DataInvalid, match="holds T2 and CT; the model makes CT of others"):
        compare(recipe, bundles, asked, (data, run, tmp_path / "other"))


def test_results_of_another_scale_are_not_compared(recipe, data, models, gate):
    *bundles, run = models(recipe, data)
    scaled = replace(recipe, preparation=replace(recipe.preparation, unit="1"))
    with pytest.raises(BundleInvalid, match="unit of its results is HU, the recipe's 1"):
        compare(scaled, bundles, read_gate_file(gate), (data, run, None))


CHANGES = {
    "steps": ("configs/inference.json", "preprocess", []),
    "network": ("configs/inference.json", "network", {"name": "resunet"}),
    "scope": ("contract.json", "intended_use", "Primary diagnosis."),
    "words": ("contract.json", "learned_from", "others"),
    "limits": ("contract.json", "quality", {"file": "quality.json", "sha256": "0" * 64}),
}


@pytest.mark.parametrize("part", CHANGES)
def test_every_part_of_a_model_that_differs_is_named(recipe, data, models, tmp_path, part):
    active, candidate, _ = models(recipe, data)
    first, second = read_bundle(active), read_bundle(candidate)
    assert changed_parts(first, first) == ()
    assert changed_parts(first, second) == ("weights",)
    copy, (name, key, value) = tmp_path / "head-ct", CHANGES[part]
    shutil.copytree(candidate, copy)
    values = json.loads((copy / name).read_text("utf-8"))
    (copy / name).write_text(json.dumps({**values, key: value}), "utf-8")
    assert set(changed_parts(first, replace(second, path=copy))) == {"weights", part}
