"""Where a bundle goes: nothing that lies there is lost or mixed, whatever fails."""

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.errors import ModelMissing, SpecError
from engine.task import read_bundle
from train.cli import main
from train.errors import BundleInvalid, CheckpointInvalid
from train.export import check_place, export
from train.export.place import FILES, put
from train.run import fit


@pytest.fixture
def run(recipe, data, tmp_path):
    fit(recipe, data, tmp_path / "run", until=1)
    return tmp_path / "run"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "tiny-model"


def held(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def before(recipe, run, place):
    """A good bundle that lies there already, and what all of its shelf holds."""
    export(recipe, run, place)
    return held(place.parent)


@pytest.fixture
def newer(recipe):
    """The same weights under another version: a mixed bundle would show."""
    return replace(recipe, model=replace(recipe.model, version="9.9.9"))


def test_a_new_bundle_takes_the_place_of_the_old_one_and_leaves_nothing_beside(
    newer, run, place, before
):
    assert export(newer, run, place).version == "9.9.9"
    assert [one.name for one in place.parent.iterdir()] == ["tiny-model"]
    assert set(held(place.parent)) == set(before)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("accepts", {"min_slices": 0}),
        ("accepts", {"pixel_spacing_mm": (2.2, 0.4)}),
        ("accepts", {"pixel_spacing_mm": (float("nan"), float("nan"))}),
        ("accepts", {"body_part": ""}),
        ("model", {"version": ""}),
        ("model", {"learned_from": " "}),
    ],
)
def test_a_recipe_that_the_engine_refuses_leaves_the_bundle(
    recipe, run, place, before, part, changes
):
    bad = replace(recipe, **{part: replace(getattr(recipe, part), **changes)})
    with pytest.raises(SpecError):
        export(bad, run, place)
    assert held(place.parent) == before


def test_what_only_shows_once_it_is_written_leaves_the_bundle_too(place, before):
    files = {name.removeprefix("tiny-model/"): content for name, content in before.items()}
    with pytest.raises(SpecError, match="not JSON"):
        put(place, files | {"contract.json": b"{"})
    with pytest.raises(ModelMissing):
        put(place, {name: files[name] for name in files if name != "contract.json"})
    assert held(place.parent) == before


@pytest.mark.parametrize("written", range(7))
def test_a_full_disk_leaves_the_bundle_wherever_it_strikes(
    newer, run, place, before, written, monkeypatch
):
    fsync, left = os.fsync, [written]

    def full(descriptor: int) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        export(newer, run, place)
    assert held(place.parent) == before


def test_a_new_bundle_that_cannot_take_the_place_leaves_the_old_one(
    newer, run, place, before, monkeypatch
):
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if target == place and self.name == place.name:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, target)

    monkeypatch.setattr("pathlib.Path.rename", refused)
    with pytest.raises(OSError, match="busy"):
        export(newer, run, place)
    assert held(place.parent) == before


_KILLED = """
import os, signal, sys
from pathlib import Path
from train.export.place import put

place = Path(sys.argv[1])
held = lambda: {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}
old = held()
left = None

def die(event, arguments):
    global left
    if left is not None and event in ("os.rename", "open", "shutil.rmtree"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
for calls in range(200):
    child = os.fork()
    if not child:
        left = calls
        put(place, old | {"card.md": b"new"})
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    aside = [] if place.exists() else list(place.parent.glob(".*/old"))
    found = held() if place.exists() else {
        str(p.relative_to(aside[0])): p.read_bytes() for p in aside[0].rglob("*") if p.is_file()
    }
    told = "old" if found == old else "new" if found == old | {"card.md": b"new"} else "mixed"
    print("done" if not status else "aside" if aside else told)
    if not status:
        break
    put(place, old)
    assert held() == old
"""


def test_a_process_killed_anywhere_leaves_the_old_bundle_or_the_new_one(place, before):
    """It is killed before its first change of the disk, before its second, and so on to its end."""
    arguments = [sys.executable, "-c", _KILLED, str(place)]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = done.stdout.split()
    assert seen[-1] == "done"
    assert set(seen[:-1]) == {"old", "aside", "new"}


@pytest.mark.parametrize("name", ["My_Dir", "b ü", "-", "x" * 49])
def test_a_name_that_the_engine_does_not_take_is_refused_before_all_else(recipe, tmp_path, name):
    with pytest.raises(SpecError, match="folder is named in lower case"):
        export(recipe, tmp_path / "no-run", tmp_path / name)
    assert list(tmp_path.glob("*")) == [tmp_path / "tiny.toml"]


@pytest.mark.parametrize("path", [".", "..", "/", "deep/.."])
def test_a_folder_without_a_name_of_its_own_is_refused(recipe, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleInvalid, match="give a name, as in conf/models/tiny"):
        export(recipe, tmp_path / "no-run", Path(path))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("LICENSE",), "is not empty and holds no bundle .LICENSE, but no contract.json.*own"),
        (("src/main.c",), "is not empty and holds no bundle .src/main.c"),
        (("contract.json", "notes.txt"), "holds notes.txt, which no bundle has.*move it away"),
        (("contract.json", "models/mine.bin"), "holds models/mine.bin, which no bundle has"),
    ],
)
def test_a_folder_of_somebody_elses_is_left_as_it_is(recipe, run, place, files, said):
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(b"theirs")
    before = held(place.parent)
    with pytest.raises(BundleInvalid, match=said):
        export(recipe, run, place)
    assert held(place.parent) == before


def test_a_file_is_no_folder_for_a_bundle(recipe, run, place):
    place.write_bytes(b"theirs")
    with pytest.raises(BundleInvalid, match="is no folder"):
        export(recipe, run, place)
    assert place.read_bytes() == b"theirs"


def test_what_lies_behind_a_link_in_the_folder_is_not_taken_for_a_bundles(recipe, place, tmp_path):
    (tmp_path / "mine").mkdir()
    place.mkdir()
    (place / "models").symlink_to(tmp_path / "mine")
    with pytest.raises(BundleInvalid, match="models, but no contract"):
        check_place(recipe, place)


def test_an_empty_folder_and_a_link_to_a_folder_take_a_bundle(recipe, run, place, tmp_path):
    place.mkdir()
    export(recipe, run, place)
    link = tmp_path / "other-name"
    link.symlink_to(place)
    assert export(recipe, run, link).name == "other-name"
    assert link.is_symlink()
    assert read_bundle(place).name == "tiny-model"


def test_every_file_of_the_shipped_bundles_is_one_that_a_bundle_may_hold():
    shipped = Path(__file__).parents[2] / "conf/models"
    for bundle in (one for one in shipped.iterdir() if one.is_dir()):
        assert set(held(bundle)) <= set(FILES), bundle


def test_figures_that_lack_what_the_card_shows_leave_the_bundle(recipe, run, place, before):
    digest = read_bundle(place).weights_sha256
    text = f'{{"recipe": "{recipe.digest}", "weights": {{"model": "{digest}"}}}}'
    (run / "evaluation.json").write_text(text, encoding="utf-8")
    (run / "evaluation.png").write_bytes(b"")
    with pytest.raises(CheckpointInvalid, match=r"lacks what the card shows \(KeyError.*evaluate'"):
        export(recipe, run, place)
    assert held(place.parent) == before


@pytest.mark.parametrize("command", [("export",), ("make", "--bundle")])
def test_every_command_refuses_a_folder_before_it_works(recipe_file, tmp_path, command):
    name, *option = command
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/notes.txt").touch()
    arguments = [name, str(recipe_file), *option, str(tmp_path / "theirs")]
    done = CliRunner().invoke(main, [*arguments, "--run", str(tmp_path / "run")])
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "is not empty and holds no bundle" in done.output
    assert not (tmp_path / "run").exists()
