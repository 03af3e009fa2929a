"""A cohort out of Orthanc: listed, drawn over DIMSE or DICOMweb, once each, and chosen from."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.support.mr import MrSeries, acquired_ct, localizer, part10
from tests.support.need import program
from tests.support.node import NodeConf, RunningNode
from tests.support.orthanc import Orthanc

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
SLICES = 18
FILE = """name = "heads"
task = "ct_from_mr"
archive = "{archive}"
[between]
first = 2025-01-01
last = 2026-12-31
[draw]
pause_s = 0
[exclude]
patients = ["MRN-6"]
"""
PAIRED = (0, 1, 2)


def person(number: int) -> MrSeries:
    return MrSeries(f"drawn {number}", SLICES, 32, spacing_mm=6.0, patient_id=f"MRN-{number}")


def target(number: int, **said) -> list:
    found = acquired_ct(person(number))
    for ds in found:
        ds.PixelData = bytes(ds.PixelData)[::-1]  # a CT shows something else than an MR
        for word, value in said.items():
            setattr(ds, word, value)
    return found


def everything() -> list:
    """Three pairs; one of a T1 alone, one whose CT is synthetic, one too old, one excluded."""
    found = []
    for number in PAIRED:
        found += [*person(number).datasets(), *target(number), *localizer(person(number))]
    found += person(3).datasets()
    found += [
        *person(4).datasets(),
        *target(4, SeriesDescription="synthetic CT", SyntheticData="YES"),
    ]
    old = [*person(5).datasets(), *target(5)]
    for ds in old:
        ds.StudyDate = "20191231"
    return [*found, *old, *person(6).datasets(), *target(6)]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory):
    about = {"Enable": True, "Root": "/dicom-web/"}
    options = {"Plugins": [program(PLUGIN)], "DicomWeb": about}
    started = Orthanc(tmp_path_factory.mktemp("pacs"), options=options).start()
    started.upload(*(part10(ds) for ds in everything()))
    yield started
    started.stop()


@pytest.fixture
def node(pacs, tmp_path):
    """A node that draws from the PACS over DIMSE as ``pacs``, over DICOMweb as ``web``."""
    conf = NodeConf(tmp_path / "node")
    asks = {"ask": ["find", "move"], "may": ["echo", "store"]}
    conf.peers.append(pacs.peer(**asks))
    conf.destinations.append(
        {"name": "web", "kind": "dicomweb", "ask": ["find"], "plain": True,
         "url": f"http://127.0.0.1:{pacs.http_port}/dicom-web"}
    )  # fmt: skip
    conf.rules = [{"name": "sct-head", "task": "ct_from_mr", "destinations": []}]
    running = RunningNode(conf.write())
    running.data = conf.folder / "var"
    pacs.know("node", conf.port)
    yield running.start()
    assert running.stop() == 0


@pytest.fixture
def file(tmp_path):
    def write(archive: str, text: str = FILE):
        path = tmp_path / f"{archive}.toml"
        path.write_text(text.format(archive=archive))
        return path

    return write


def files(node: RunningNode) -> list[str]:
    return sorted(path.name for path in (node.data / "drawn").rglob("*.dcm"))


@pytest.mark.parametrize("archive", ["pacs", "web"])
def test_what_may_be_chosen_is_drawn_once_and_nothing_else(node, pacs, file, archive):
    drew = json.loads(node.command("cohort", "draw", str(file(archive)), "--json").stdout)
    assert drew["failed"] == []
    looked_at = 0 if archive == "pacs" else len(PAIRED) + 2  # queries over HTTP do not tell enough
    objects = 2 * len(PAIRED) * SLICES + looked_at
    counts = 5, 2 * len(PAIRED), objects, 0
    assert tuple(drew[word] for word in ("studies", "drawn", "objects", "before")) == counts
    assert drew["left"] == {"NOT_ASKED": len(PAIRED), "NO_PARTNER": 2, "SYNTHETIC": 1}
    kept = files(node)
    assert len(kept) == drew["objects"]
    again = json.loads(node.command("cohort", "draw", str(file(archive)), "--json").stdout)
    assert (again["drawn"], again["objects"], again["before"]) == (0, 0, 2 * len(PAIRED))
    assert files(node) == kept

    shown = node.command("cohort", "show", str(file(archive))).stdout
    assert shown.startswith("heads: 3 pairs of 3 persons; ")
    out = node.data / "out"
    written = json.loads(
        node.command("cohort", "write", str(file(archive)), str(out), "--json").stdout
    )
    assert (written["pairs"], written["objects"]) == (3, 2 * len(PAIRED) * SLICES)
    assert not any(b"MRN-" in path.read_bytes() for path in out.rglob("*.dcm"))

    for number in PAIRED:  # no rule has seen any of it, and nobody is told of it
        told = node.command("why", person(number).study_uid, check=False)
        assert (told.returncode, "was never seen" in told.stderr) == (1, True), told
    assert (
        node.command("cohort", "forget", archive).stdout
        == f"{archive}: {len(kept)} objects deleted\n"
    )
    assert files(node) == []
    assert (out / "manifest.json").is_file()
    none = node.command("cohort", "show", str(file(archive)), check=False)
    assert "nothing was drawn from there; 'dicom-node cohort draw' does that" in none.stderr


def written(node: RunningNode) -> dict[str, tuple[int, int]]:
    """Return each file with what changes when it is written again."""
    found = {}
    for path in (node.data / "drawn").rglob("*.dcm"):
        about = path.stat()
        found[path.name] = about.st_ino, about.st_ctime_ns
    return found


def at_rest(node: RunningNode) -> None:
    """Wait until nothing comes any more: a PACS may go on with what it was asked for."""
    before = None
    while before != (before := files(node)):
        time.sleep(0.5)


def killed_while_it_draws(node: RunningNode, file, after_s: float) -> bool:
    """Kill a run on its way; whether it was on its way still."""
    command = [
        sys.executable,
        "-m",
        "dicom_node",
        "--conf",
        str(node.conf),
        "cohort",
        "draw",
        str(file),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
    lock = node.data / "drawn" / f"{file.stem}.lock"
    while not lock.exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(after_s)
    on_its_way = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return on_its_way


@pytest.mark.parametrize("archive", ["pacs", "web"])
def test_killed_at_any_moment_it_goes_on_and_pulls_nothing_twice(node, file, archive):
    moments, killed, there = random.Random(5), 0, {}
    for _ in range(4):
        killed += killed_while_it_draws(node, file(archive), moments.uniform(0, 1.5))
        at_rest(node)
        now = written(node)
        assert {place: now[place] for place in there} == there  # none of them came again
        there = now
    assert killed
    drew = json.loads(node.command("cohort", "draw", str(file(archive)), "--json").stdout)
    assert drew["failed"] == []
    assert drew["before"] + drew["drawn"] == 2 * len(PAIRED)
    now = written(node)
    assert {place: now[place] for place in there} == there
    assert len(now) == len(there) + drew["objects"] >= 2 * len(PAIRED) * SLICES
    shown = node.command("cohort", "show", str(file(archive))).stdout
    assert shown.startswith("heads: 3 pairs of 3 persons; ")


def test_a_pacs_that_stops_in_the_middle_is_said_and_what_came_stays(tmp_path, file):
    pacs = Orthanc(tmp_path / "pacs").start()
    pacs.upload(*(part10(ds) for ds in everything()))
    conf = NodeConf(tmp_path / "node", extra={"outbox": {"connect_s": 5.0, "answer_s": 5.0}})
    conf.peers.append(pacs.peer(ask=["find", "move"]))
    node = RunningNode(conf.write())
    node.data = conf.folder / "var"
    pacs.know("node", conf.port)
    slow = FILE.replace("pause_s = 0", "pause_s = 0.3")
    command = [sys.executable, "-m", "dicom_node", "--conf", str(node.conf), "cohort", "draw",
               str(file("pacs", slow))]  # fmt: skip
    try:
        node.start()
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        while len(files(node)) < SLICES and run.poll() is None:
            time.sleep(0.05)
        pacs.stop()
        _, said = run.communicate(timeout=60)
        assert run.returncode == 1
        assert "pacs does not answer at 127.0.0.1" in said.splitlines()[-1]
        came = files(node)
        assert SLICES <= len(came) < 2 * len(PAIRED) * SLICES
        pacs.start()
        pacs.know("node", conf.port)
        drew = json.loads(node.command("cohort", "draw", str(file("pacs")), "--json").stdout)
        assert drew["before"] + drew["drawn"] == 2 * len(PAIRED)
        assert set(came) < set(files(node))
    finally:
        node.stop()
        pacs.stop()


def test_two_at_once_one_of_them_is_told(node, file):
    slow = FILE.replace("pause_s = 0", "pause_s = 2")
    path = file("web", slow)
    command = [
        sys.executable,
        "-m",
        "dicom_node",
        "--conf",
        str(node.conf),
        "cohort",
        "draw",
        str(path),
    ]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lock = node.data / "drawn" / "web.lock"
    while not lock.exists() and first.poll() is None:
        time.sleep(0.02)
    time.sleep(0.2)
    told = "another process draws from web; wait for it"
    for words in (("draw", str(path)), ("forget", "web")):
        second = node.command("cohort", *words, check=False)
        assert (second.returncode, told in second.stderr) == (1, True), second
    first.kill()
    first.wait()
