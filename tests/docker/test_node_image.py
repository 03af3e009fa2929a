"""The node runs with what its image installs, and writes where its container lets it write.

No image is built here: the interpreter of these tests is kept from what the image lacks.
"""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.dcmtk import echoscu
from tests.support.mr import MrSeries
from tests.support.node import NodeConf, RunningNode
from tests.support.sender import send

ROOT = Path(__file__).parents[2]
GUARD = """
import importlib.abc, json, os, sys

FORBIDDEN = frozenset(json.loads(os.environ["TEST_FORBIDDEN"]))
WRITABLE = tuple(json.loads(os.environ["TEST_WRITABLE"]))


class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)


def look(event, arguments):
    if event == "open":
        flags = arguments[2]
        if not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            return
    elif event not in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link"):
        return
    if isinstance(arguments[0], (str, bytes)):
        place = os.path.abspath(os.fsdecode(arguments[0]))
        if not place.startswith(WRITABLE):
            raise OSError(30, f"Read-only file system: {place}")


sys.meta_path.insert(0, Absent())
sys.addaudithook(look)
"""


def installed() -> set[str]:
    """Return the distributions that the image of the node has, by what they ask for in turn."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docker" / "node.Dockerfile").read_text()
    (extra,) = re.findall(r"constraints.txt \. \\\n\s*(.*?) \\\n", text)
    wanted = [Requirement(one) for one in [*project["dependencies"], *shlex.split(extra)]]
    found: set[str] = set()
    while wanted:
        one = wanted.pop()
        name = one.name.lower().replace("_", "-")
        if name in found:
            continue
        found.add(name)
        extras = [*one.extras, ""]
        try:
            asked = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:
            continue
        wanted += [
            other
            for other in asked
            if other.marker is None or any(other.marker.evaluate({"extra": e}) for e in extras)
        ]
    return found


def absent() -> list[str]:
    """Return the modules that are here and not in the image."""
    there = {*installed(), "dicom-synthesis-node", "setuptools", "pip"}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not {owner.lower().replace("_", "-") for owner in owners} & there
    )


@pytest.fixture
def guarded(tmp_path):
    """The environment of a process that has what the image has, and writes where it may."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    (tmp_path / "tmp").mkdir()
    places = [tmp_path / "node" / "var", tmp_path / "tmp", "/dev/"]
    return {
        "PYTHONPATH": f"{tmp_path / 'guard'}:{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(tmp_path / "tmp"),
        "HOME": str(tmp_path / "tmp"),
        "TEST_FORBIDDEN": json.dumps(absent()),
        "TEST_WRITABLE": json.dumps([str(place) for place in places]),
    }


def test_what_computes_is_not_in_the_image():
    assert {"torch", "SimpleITK", "highdicom", "scipy"} <= set(absent())
    assert not {"pydicom", "sqlalchemy", "numpy", "psycopg", "gdcm", "openjpeg"} & set(absent())


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import torch", "the image has no torch"),
        ("open('/etc/of-a-test', 'w')", "Read-only file system"),
        ("import os; os.mkdir('/opt/of-a-test')", "Read-only file system"),
    ],
)
def test_the_guard_holds(guarded, program, said):
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, env=guarded
    )
    assert said in done.stderr


def test_the_node_listens_receives_and_plans_with_what_its_image_has(tmp_path, guarded):
    conf = NodeConf(tmp_path / "node", extra={"worker": {"count": 0}})
    conf.destinations.append({"name": "share", "kind": "folder", "path": "../var/share"})
    node = RunningNode(conf.write(), guarded)
    series = MrSeries(slices=18, size=32, spacing_mm=6.0)
    try:
        node.start(60)
        assert echoscu(conf.port).returncode == 0
        assert set(send(conf.port, series.datasets()).values()) == {0}
        answer = node.until(series.study_uid, lambda one: bool(one["jobs"]))
        assert [job["state"] for job in answer["jobs"]] == ["waiting"]
        listed = node.command("jobs", "list", "--state", "running")
        assert listed.returncode == 0
    finally:
        assert node.stop() == 0
    assert node.words == []
    faults = [event for event in node.events if event.get("level") in ("error", "warning")]
    assert faults == []
