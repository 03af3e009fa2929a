import json

import pytest
from click.testing import CliRunner

from engine.task import read_bundle
from train import checkpoint
from train.cli import main


def call(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    "command", ["phantom", "pairs", "fit", "evaluate", "downstream", "export", "make"]
)
def test_every_command_has_an_example(command):
    done = call(command, "--help")
    assert done.exit_code == 0
    assert f"Example:\n    dicom-train {command} " in done.output  # in a line of its own: to copy


def test_a_recipe_becomes_a_bundle_by_one_command_and_what_is_done_stays(recipe_file, tmp_path):
    text = recipe_file.read_text("utf-8")
    recipe_file.write_text(text.replace("subjects = 5", "subjects = 3"), "utf-8")
    bundle, run = tmp_path / "tiny-model", tmp_path / "run"
    done = call("make", recipe_file, "--bundle", bundle, "--run", run, "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "Making 3 of 3 phantoms" in done.output
    assert "it has no limits: a node holds all that it makes until 'calibrate'" in done.output
    assert read_bundle(bundle).learned_from == "phantom heads (no patient data)"
    made = [run / checkpoint.FILE, run / "regression" / checkpoint.FILE]
    made += sorted((run / "data").glob("*.npz"))
    before = [path.stat().st_mtime_ns for path in made]
    for command in (
        ("phantom", run / "data", "--recipe", recipe_file),
        ("fit", recipe_file, "--run", run),
        ("fit", recipe_file, "--run", run, "--baseline"),
    ):
        again = call(*command)
        assert again.exit_code == 0, again.output
    assert [path.stat().st_mtime_ns for path in made] == before


def test_figures_are_printed_as_json(recipe_file, data, tmp_path):
    assert call("fit", recipe_file, "--data", data, "--run", tmp_path, "--until", 1).exit_code == 0
    done = call("evaluate", recipe_file, "--data", data, "--run", tmp_path, "--json")
    assert json.loads(done.output)["scans"] == 1


def test_the_baseline_is_learned_beside_its_system(recipe_file, data, tmp_path):
    fit = ("fit", recipe_file, "--data", data, "--run", tmp_path, "--until", 1)
    done = call(*fit, "--baseline")
    assert done.exit_code == 0, done.output
    assert "Learning tiny-regression" in done.output
    assert (tmp_path / "regression" / checkpoint.FILE).is_file()
    assert not (tmp_path / checkpoint.FILE).exists()


def test_a_folder_keeps_phantoms_of_one_order_and_makes_none_twice(tmp_path):
    path = tmp_path / "s00007-0.npz"
    for subjects, said in (("7", "Making 1 of 1"), ("7 8", "Making 1 of 2")):
        asked = [word for seed in subjects.split() for word in ("--subject", seed)]
        done = call("phantom", tmp_path, *asked, "--spacing", 4)
        assert done.exit_code == 0, done.output
        assert said in done.output
    names = sorted(one.name for one in tmp_path.iterdir())
    assert names == ["order.json", "s00007-0.npz", "s00008-0.npz"]
    before = path.stat().st_mtime_ns
    done = call("phantom", tmp_path, "--subject", 7, "--spacing", 5)
    assert done.exit_code == 1
    assert "holds phantoms of another order or recipe (order.json); choose another" in done.output
    assert path.stat().st_mtime_ns == before


def test_our_own_errors_are_one_line_and_exit_one(recipe_file, tmp_path):
    recipe_file.write_text(
        recipe_file.read_text("utf-8").replace("[accepts]", "[excepts]"), "utf-8"
    )
    done = call("fit", recipe_file, "--run", tmp_path / "run")
    assert done.exit_code == 1
    assert done.output.startswith("Error: tiny.toml: unknown section [excepts]")
    assert "Traceback" not in done.output
    assert done.output.count("\n") == 1


def test_cuda_asked_for_and_absent_is_one_line(recipe_file, data, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)  # where there is one, too
    done = call("fit", recipe_file, "--data", data, "--run", tmp_path, "--device", "cuda")
    assert done.exit_code == 1
    assert done.output == (
        "Error: CUDA was asked for and no CUDA device answers; set device = 'auto'\n"
    )


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


def test_a_full_disk_leaves_no_half_of_an_order(tmp_path, monkeypatch):
    def full(path, *_, **__):
        path.touch()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.Path.write_text", full)
    done = call("phantom", tmp_path, "--subject", 7, "--spacing", 8)
    assert done.exit_code == 1
    assert "No space left on device" in done.output
    assert not (tmp_path / "order.json").exists()
