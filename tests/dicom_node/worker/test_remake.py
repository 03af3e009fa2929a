"""A series made again from its provenance record: what is the same, what differs, what lacks."""

import json
import shutil
import sqlite3
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from dicom_node.app import explain_study, open_node
from dicom_node.app.clock import utc_now
from dicom_node.cli import main
from dicom_node.db import Database
from dicom_node.retention import Keep, RetentionStage
from dicom_node.worker import Retries, WorkerStage
from dicom_node.worker.run import load_bench, run
from dicom_node.worker.work import Work
from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries
from tests.support.node import NodeConf
from tests.support.signing import flip

OUT = {"name": "out", "kind": "folder", "path": "../out"}
SAME = "20 of 20 objects are the same, byte for byte"
SERIES = MrSeries(seed="made again")


class Here:
    """A job's child that is this process."""

    pid = None

    def __init__(self, conf: Path) -> None:
        self._bench = load_bench(conf, {})

    def give(self, line: str) -> None:
        self._work = Work.of_line(line)

    def answer(self, _wait_s: float) -> str:
        return replace(run(self._bench, self._work), run=self._work.run).to_line()

    def stop(self) -> None:
        self._bench = None


@dataclass
class Site:
    """A node with one study, whose series is made."""

    folder: Path

    @property
    def conf(self) -> Path:
        return self.folder / "conf"

    @property
    def data(self) -> Path:
        return self.folder / "var"

    def call(self, *words: object):
        return CliRunner().invoke(main, ["--conf", str(self.conf), *map(str, words)])

    def remake(self, *words: object):
        return self.call("jobs", "remake", 1, *words)

    def record(self) -> dict:
        return json.loads(self.call("jobs", "provenance", 1).stdout)

    def sql(self, statement: str) -> None:
        with sqlite3.connect(self.data / "node.db") as database:
            database.execute(statement)

    def delete(self, **days: int) -> None:
        """Let retention have its way, days later."""
        database = Database("sqlite:///node.db", self.data)
        keep = Keep(delivered="best", unable=frozenset({"out"}), **days)
        stage = RetentionStage(database, self.data / "archive", keep)
        assert stage.tick(utc_now() + timedelta(days=9)) == 1
        database.close()


def live(folder: Path, **values) -> Site:
    """Have a node take in a study, decide, make, and deliver."""
    conf = NodeConf(folder, destinations=[OUT], **values).write()
    SERIES.write(folder / "sent")
    done = CliRunner().invoke(main, ["--conf", str(conf), "ingest", str(folder / "sent")])
    assert done.exit_code == 0, done.output
    later = utc_now() + timedelta(days=1)
    node = open_node(conf, {})
    stages = {name: stage for name, (stage, _) in node.stages().items()}
    store, retries = (node.database, node.archive), Retries(1, 600)
    stages["worker"] = WorkerStage(store, Here(conf), node.lease, retries, utc_now, node.audit)
    for name in ("completion", "rules", "worker", "destination out"):
        stages[name].tick(later)
    (job,) = explain_study(node.database, SERIES.study_uid)["jobs"]
    assert (job["state"] in ("done", "held"), set(job["model"])) == (
        True,
        {"name", "version", "digest"},
    ), job
    node.database.close()
    return Site(folder)


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    return live(tmp_path_factory.mktemp("sent"), extra={"site": {"institution": "Ward 9"}})


@pytest.fixture
def site(sent, tmp_path):
    """A copy of the node, to be changed."""
    shutil.copytree(sent.folder, tmp_path / "node")
    return Site(tmp_path / "node")


def contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_record_alone_makes_the_very_files_again_whatever_is_configured_by_now(
    site, tmp_path, monkeypatch
):
    record = tmp_path / "job.json"
    record.write_text(site.call("jobs", "provenance", 1).stdout)
    write_bundle(site.conf / "models" / "other", seed=8)
    task = site.conf / "tasks" / "ct_from_mr.toml"
    task.write_text('needs = ["T1"]\nmakes = "CT"\nmodel = "other"\ngrid = "rt-axial"\n')
    monkeypatch.setenv("NODE_SITE__INSTITUTION", "Elsewhere")
    monkeypatch.setenv("NODE_SITE__CONTENT_QUALIFICATION", "SERVICE")
    monkeypatch.setenv("NODE_NODE__DEVICE_UID", "1.2.3.4")
    monkeypatch.setenv("NODE_ENGINE__BATCH", "1")
    said = site.remake("--into", tmp_path / "again")
    assert (said.exit_code, SAME in said.stdout, "otherwise" in said.stdout) == (0, True, False)
    assert len(contents(tmp_path / "again")) == 20
    assert contents(tmp_path / "again") <= contents(site.data / "archive")

    site.sql("DELETE FROM wanted")
    site.sql("DELETE FROM job")
    (site.conf / "rules" / "rules.toml").write_text("")
    task.unlink()
    assert site.remake().exit_code == 1
    found = site.call("jobs", "remake", "--record", record, "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert (told["same"], told["otherwise"]) == (True, [])
    assert [one["verdict"] for one in told["objects"]] == ["same"] * 20


def test_one_byte_of_the_weights_changed_and_nothing_is_made(site, tmp_path):
    flip(site.conf / "models" / "tiny" / "models" / "model.safetensors")
    found = site.remake("--into", tmp_path / "again")
    assert (found.exit_code, "MODEL_TAMPERED" in found.stderr) == (1, True), found.output
    assert not (tmp_path / "again").exists()


def test_one_byte_of_the_contract_is_another_model_and_the_one_that_lacks_is_named(site):
    contract = site.conf / "models" / "tiny" / "contract.json"
    contract.write_bytes(contract.read_bytes().replace(b'min_slices": 16', b'min_slices": 17'))
    found = site.remake()
    digest = site.record()["model"]["digest"]
    assert found.exit_code == 1
    assert f"MODEL_MISSING: tiny@1.0.0 ({digest}) is not among the models" in found.stderr


def test_a_source_that_is_not_what_it_was_is_named(site):
    """On the disk: the database has not changed."""
    path = next(path for path in (site.data / "archive").rglob("*.dcm")
                if b"SYNTHETIC" not in path.read_bytes())  # fmt: skip
    path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    found = site.remake()
    assert found.exit_code == 1
    assert f"SOURCE_MISSING: 1 of 20 files of T1 series {SERIES.series_uid} are dam" in found.stderr


def test_a_source_that_was_deleted_is_named_and_so_is_what_else_lacks(site):
    site.delete(received_days=1)
    write_bundle(site.conf / "models" / "tiny", seed=8)
    found = site.remake()
    text = f"SOURCE_MISSING: 20 of 20 objects of T1 series {SERIES.series_uid} are not in the"
    assert (found.exit_code, text in found.stderr) == (1, True), found.output
    assert "MODEL_MISSING: tiny@1.0.0" in found.stderr


def test_a_source_of_other_bytes_is_not_the_source(site):
    site.sql("UPDATE instance SET sha256 = 'ab' WHERE origin = 'ingested' AND number = 3")
    found = site.remake()
    assert (found.exit_code, "are not, byte for byte, those" in found.stderr) == (1, True)


def test_what_was_deleted_here_is_told_to_be_the_same_by_its_digest(site):
    site.delete(made_days=1)
    found = site.remake()
    assert (found.exit_code, SAME in found.stdout) == (0, True), found.output


def test_a_held_result_is_made_again_and_so_is_one_that_was_rejected(tmp_path):
    site = live(tmp_path / "node", release="by_hand")
    assert SAME in site.remake().stdout
    words = ("--by", "A. Physicist", "--why", "no skull base")
    assert site.call("jobs", "reject", 1, *words).exit_code == 0
    assert SAME in site.remake().stdout


def changed(site: Site, part: str, name: str, value):
    """Make the series again from a record that was changed in one place."""
    document = site.record()
    if name:
        document[part][name] = value
    else:
        document[part] = value
    path = site.folder / "record.json"
    path.write_text(json.dumps(document))
    return site.call("jobs", "remake", "--record", path)


def test_bytes_that_differ_are_told_object_by_object(site):
    found = changed(site, "job", "created_at", "2026-01-01T00:00:00.000001+00:00")
    assert (found.exit_code, "0 of 20 objects are the same" in found.stdout) == (1, True)
    assert found.stdout.count("  differs  ") == 20


def test_what_was_otherwise_when_it_was_made_is_told(site):
    version = changed(site, "software", "torch", "1.0")
    assert (version.exit_code, SAME in version.stdout) == (0, True)
    assert "otherwise than then: software: torch was 1.0, it is " in version.stdout
    numbers = changed(site, "engine", "steps", [])
    assert "otherwise than then: engine: steps has other numbers" in numbers.stdout
    count = changed(site, "result", "objects", 19)
    assert "result: there were 19 objects, there are 20" in count.stdout


def test_a_record_of_another_whole_is_no_proof(site):
    found = changed(site, "result", "sha256", "0" * 64)
    assert (found.exit_code, SAME in found.stdout) == (1, True)
    assert "the series as a whole is not what was recorded of it" in found.stdout


@pytest.mark.parametrize(
    ("part", "name", "value", "text"),
    [
        ("format", "", 2, "its format is 2, 1 is wanted"),
        ("site", "", {}, "the provenance record is damaged: KeyError 'node_uid'"),
        ("sources", "", [], "makes CT from "),
        ("job", "key", "1..2", "'1..2' is no UID"),
        ("job", "created_at", "2026-01-01T00:00:00", "job.created_at has no zone"),
        ("model", "digest", 5, "5 is no text"),
        ("device", "", {}, "the provenance record is damaged: its device lacks 'name'"),
        ("device", "name", "tpu", "device 'tpu': one of cpu, cuda is wanted"),
        ("device", "arrays_on_gpu", True, "is not here; run it on a machine that has one"),
    ],
)
def test_what_is_no_record_or_asks_for_what_is_not_here_is_refused_in_a_line(
    site, part, name, value, text
):
    found = changed(site, part, name, value)
    assert (found.exit_code, found.stderr.count("\n")) == (1, 1), found.output
    assert text in found.stderr


def test_a_job_without_a_record_says_so_and_one_of_two_is_to_be_named(site, tmp_path):
    path = tmp_path / "record.json"
    path.write_text("[]")
    assert site.call("jobs", "remake").exit_code == 2
    assert site.remake("--record", path).exit_code == 2
    no_object = site.call("jobs", "remake", "--record", path)
    assert (no_object.exit_code, "it holds a list" in no_object.stderr) == (1, True)
    path.write_text("{")
    assert "no provenance record" in site.call("jobs", "remake", "--record", path).stderr
    there = site.remake("--into", tmp_path)
    assert (there.exit_code, "there is something at" in there.stderr) == (1, True)
    site.sql("UPDATE job SET model = json_remove(model, '$.provenance')")
    none = site.call("jobs", "provenance", 1)
    assert (none.exit_code, "has no provenance record" in none.stderr) == (1, True)


def test_a_record_says_of_the_site_and_the_steps_what_was_done(site):
    record = site.record()
    assert record["site"]["institution"] == "Ward 9"
    assert record["result"]["objects"] == 20
    assert [len(one["instances"]) for one in record["sources"]] == [20]
    assert [step["step"] for step in record["engine"]["steps"]] == [
        "orient", "resample", "crop_pad", "normalise",
    ]  # fmt: skip
    assert record["device"]["name"] == "cpu"
    assert {"dicom-node", "torch", "numpy", "pydicom", "python"} <= set(record["software"])
