import json

import pytest
from click.testing import CliRunner

from engine.task import read_bundle
from train.cli import main


def call(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["phantom", "fit", "evaluate", "export", "make"])
def test_every_command_has_an_example(command):
    done = call(command, "--help")
    assert done.exit_code == 0
    assert f"Example: dicom-train {command}" in done.output


def test_a_recipe_becomes_a_bundle_by_one_command(recipe_file, tmp_path):
    text = recipe_file.read_text("utf-8")
    recipe_file.write_text(text.replace("subjects = 5", "subjects = 3"), "utf-8")
    bundle = tmp_path / "tiny-model"
    done = call("make", recipe_file, "--bundle", bundle, "--run", tmp_path / "run", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "held-out phantoms" in done.output
    assert "look up table" in done.output
    assert read_bundle(bundle).learned_from == "phantom heads (no patient data)"


def test_figures_are_printed_as_json(recipe_file, data, tmp_path):
    assert call("fit", recipe_file, "--data", data, "--run", tmp_path, "--until", 1).exit_code == 0
    done = call("evaluate", recipe_file, "--data", data, "--run", tmp_path, "--json")
    assert json.loads(done.output)["scans"] == 1


def test_one_subject_is_written_with_its_truth(tmp_path):
    done = call("phantom", tmp_path, "--subject", 7, "--spacing", 4)
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["s00007-0.npz"]


def test_our_own_errors_are_one_line_and_exit_one(recipe_file, tmp_path):
    recipe_file.write_text(
        recipe_file.read_text("utf-8").replace("[accepts]", "[excepts]"), "utf-8"
    )
    done = call("fit", recipe_file, "--run", tmp_path / "run")
    assert done.exit_code == 1
    assert done.output.startswith("Error: tiny.toml: unknown section [excepts]")
    assert "Traceback" not in done.output
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("phantom", "out"), ("fit",), ("fit", "none.toml"), ("make", "none.toml"), ("learn",)],
)
def test_wrong_usage_exits_two(arguments):
    assert call(*arguments).exit_code == 2


def test_bugs_keep_their_traceback(recipe_file, tmp_path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("train.run.fit", broken)
    done = call("fit", recipe_file, "--run", tmp_path)
    assert isinstance(done.exception, ZeroDivisionError)
