"""Two models on whom neither learned from: looked at, held to a gate file, written down."""

import json
import shutil
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.train.toys import toy_data
from tests.train.verdict.test_gatefile import TEXT
from train.cli import main
from train.errors import BundleInvalid
from train.export import export
from train.run import fit
from train.verdict import KEEP, REPORT, VERDICT, compare, read_gate_file
from train.verdict.compare import changed_parts


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a function that gives the bundles of one update and of six, and a third by name."""
    folder, made = tmp_path_factory.mktemp("models"), {}

    def bundles(recipe, data):
        if not made:
            for name, until in (("active", 1), ("candidate", 6)):
                fit(recipe, data, folder / "run", until=until)
                made[name] = export(recipe, folder / "run", folder / name / "head-ct", data).path
        return made["active"], made["candidate"]

    return bundles


@pytest.fixture
def gate(tmp_path):
    path = tmp_path / "gate.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def toys(tmp_path):
    """Phantoms that neither has learned from: the recipe's five, and others."""
    return toy_data(tmp_path / "toys", 3)


def test_a_verdict_rests_on_those_held_out_and_says_the_same_again(
    recipe, data, models, gate, toys
):
    bundles, asked = models(recipe, data), read_gate_file(gate)
    told = []
    found = compare(recipe, bundles, asked, (data, toys), 1, lambda *one: told.append(one))
    assert told[-1] == (5, 5)
    assert found.report["verdict"] == KEEP
    assert found.report["groups"] == {"held out": 1, "watched": 1, "phantoms": 3}
    failed = {one["name"] for one in found.report["criteria"] if not one["passed"]}
    assert "enough" in failed
    assert found.report["changed"] == ["weights"]
    again = compare(recipe, bundles, asked, (data, toys), 2)
    assert again.report == found.report
    assert [entry.subject for entry in found.worst] == [found.report["per_subject"][0]["subject"]]


def test_the_command_writes_a_page_and_says_why_not(
    recipe_file, recipe, data, models, gate, tmp_path
):
    active, candidate = models(recipe, data)
    out = tmp_path / "verdict"
    words = ["verdict", recipe_file, candidate, "--against", active, "--gate", gate]
    words += ["--data", data, "--out", out]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 3, done.output
    assert "  FAILED  1 held out and measured; 20 or more are wanted" in done.output
    assert done.output.splitlines()[-1] == f"KEEP: {out / REPORT}"
    written = json.loads((out / VERDICT).read_text("utf-8"))
    assert written["verdict"] == KEEP
    page = (out / REPORT).read_text("utf-8")
    assert "keep the active model" in page
    assert page.index("<b>failed</b>") < page.index("<b>passed</b>")
    assert "Another dose." in page
    assert page.count('<img class="chart"') == 1


def test_models_of_other_tasks_are_not_compared(recipe, data, models, gate, tmp_path):
    active, candidate = models(recipe, data)
    other = tmp_path / "head-ct"
    shutil.copytree(candidate, other)
    contract = json.loads((other / "contract.json").read_text("utf-8"))
    contract["accepts"]["labels"] = ["T2"]
    (other / "contract.json").write_text(json.dumps(contract), "utf-8")
    with pytest.raises(BundleInvalid, match=r"takes \('T2',\), where \('T1',\) is wanted"):
        compare(recipe, (active, other), read_gate_file(gate), (data, None))


def test_a_gate_file_of_another_model_is_not_asked(recipe, data, models, gate):
    gate.write_text(TEXT.replace('"head-ct"', '"spine-stir"'), "utf-8")
    with pytest.raises(BundleInvalid, match="is called head-ct, where spine-stir is wanted"):
        compare(recipe, models(recipe, data), read_gate_file(gate), (data, None))


def test_every_part_of_a_model_that_differs_is_named(recipe, data, models):
    from engine.task import read_bundle

    active, candidate = (read_bundle(path) for path in models(recipe, data))
    assert changed_parts(active, active) == ()
    assert changed_parts(active, candidate) == ("weights",)
    changed = replace(
        candidate, learned_from="others", steps=[], network={"name": "resunet"},
        contract=replace(candidate.contract, makes="PT"), quality=candidate.atlas,
    )  # fmt: skip
    assert changed_parts(active, changed) == ("weights", "steps", "network", "scope", "words")
