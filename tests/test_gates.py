"""Each import contract, with a violation planted: the gate closes."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLANTED = {
    "roots": ("engine/volume.py", "import dicom_node.values"),
    "node": ("dicom_node/jobs/key.py", "import dicom_node.outbox"),
    "engine": ("engine/volume.py", "import engine.task"),
    "train": ("train/losses/__init__.py", "import train.systems"),
    "front door": ("dicom_node/worker/run.py", "import engine.models"),
    "what is judged is what is read": ("dicom_node/rules/plan.py", "import engine.io"),
    "light listener": ("dicom_node/association/status.py", "import torch"),
    "deaf engine": ("engine/task/labels.py", "import pynetdicom"),
    "two doors to cupy": ("engine/preprocess/mask.py", "import cupy"),
    "one door to SimpleITK": ("engine/preprocess/resample.py", "import SimpleITK"),
    "no monai at work": ("train/metrics/__init__.py", "import monai"),
}


def contracts() -> list[dict]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["tool"]["importlinter"]["contracts"]


def lint(folder: Path) -> subprocess.CompletedProcess:
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(program), "--no-cache"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def copy(tmp_path) -> Path:
    for name in ("dicom_node", "engine", "train"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_its_violation_here():
    assert {contract["name"] for contract in contracts()} == set(PLANTED)


def test_the_code_keeps_every_contract(copy):
    said = lint(copy)
    assert said.returncode == 0, said.stdout
    assert "0 broken" in said.stdout


@pytest.mark.parametrize("name", PLANTED)
def test_a_violation_breaks_its_contract(name, copy):
    place, line = PLANTED[name]
    path = copy / place
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    said = lint(copy)
    assert said.returncode != 0
    assert f"{name} BROKEN" in said.stdout, said.stdout


def test_a_room_that_no_layer_names_is_seen(copy):
    (copy / "dicom_node" / "attic.py").write_text('"""Unplanned."""\n')
    said = lint(copy)
    assert said.returncode != 0
    assert "attic" in said.stdout


def test_ruff_and_mypy_see_what_the_house_forbids(tmp_path):
    """One line per rule that the settings must not lose."""
    bad = tmp_path / "bad.py"
    bad.write_text(
        "def f(a, b=[], *, c):\n    try:\n        print(a)\n    except Exception:\n        pass\n"
        "    assert a\n    import datetime\n    return datetime.datetime.now()\n"
    )
    program = Path(sys.executable).parent / "ruff"
    said = subprocess.run(
        [str(program), "check", "--config", str(ROOT / "pyproject.toml"), str(bad)],
        check=False,
        capture_output=True,
        text=True,
    )
    for code in ("ANN001", "B006", "BLE001", "T201", "S101", "DTZ005", "D103"):
        assert code in said.stdout, said.stdout
