"""A whole node, from its start to its end: what happened stands in the trail, and nothing else."""

import json
import shutil
import subprocess
import sys

import pytest
from pynetdicom import AE, build_context

from tests.support.dcmtk import echoscu, storescu
from tests.support.mr import MR_IMAGE, MrSeries
from tests.support.need import free_port
from tests.support.node import is_sent
from tests.support.scp import Scp
from tests.support.syslog import SyslogReceiver
from tests.support.trail import Told, told_in
from tests.support.until import until

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "may": []}


def pacs() -> tuple[Scp, dict]:
    scp = Scp(free_port()).start()
    return scp, {**PACS, "port": scp.port}


def test_the_way_of_a_study_is_told_from_start_to_stop_and_names_nobody(start, tmp_path):
    scp, peer = pacs()
    node = start(peers=[peer])
    series = MrSeries()
    echoscu(node.port, calling="STRANGER")
    assert storescu(node.port, *series.write(tmp_path / "files")).returncode == 0
    node.until(series.study_uid, is_sent)
    assert node.stop() == 0
    scp.stop()
    told = told_in(node.data / "audit")
    assert [(one.event, one.kind or one.action) for one in told] == [
        ("Application Activity", "Application Start"),
        ("Security Alert", "Software Configuration"),
        ("Security Alert", "Node Authentication"),
        ("DICOM Instances Transferred", "C"),
        ("DICOM Instances Accessed", "R"),
        ("DICOM Instances Accessed", "C"),
        ("Begin Transferring DICOM Instances", "E"),
        ("DICOM Instances Transferred", "R"),
        ("Application Activity", "Application Stop"),
    ]
    _, _, _, received, read, made, begin, sent, _ = told
    assert received.counts == read.counts == {MR_IMAGE: 20}
    assert made.counts == begin.counts == sent.counts == {CT_IMAGE: 20}
    for one in (received, read, made, begin, sent):
        assert (one.outcome, one.studies, one.patients) == ("0", [series.study_uid], ["TEST-1"])
    log = json.dumps(node.events) + "".join(node.words)
    assert "listening" in log
    trail = "".join(path.read_text() for path in (node.data / "audit").glob("*.json*"))
    for name in ("Test^Ball", "Ball"):
        assert name not in log, "a patient's name in the ordinary log"
        assert name not in trail, "a patient's name in the trail, where none is wanted"
    assert "TEST-1" not in log


def test_a_trail_that_was_deleted_while_the_node_was_off_begins_with_an_alert(start):
    node = start(rules=[])
    assert node.stop() == 0
    last = len(told_in(node.data / "audit"))
    shutil.rmtree(node.data / "audit")
    assert node.command("audit", "verify", check=False).returncode == 1
    node.start()
    node.stop()
    (file,) = sorted((node.data / "audit").glob("*.jsonl"))
    assert file.name == f"audit-{last + 1:012}.jsonl"
    first, second, *_ = [
        Told.of(json.loads(line)["message"]) for line in file.read_text().splitlines()
    ]
    assert (first.kind, first.outcome) == ("Audit Recording Stopped", "8")
    assert f"the database knows line {last}," in first.details["Alert Description"]
    assert second.kind == "Application Start"


def test_the_trail_holds_names_where_that_is_configured_and_the_log_still_none(start, tmp_path):
    node = start(rules=[], extra={"audit": {"patient_names": True}})
    series = MrSeries(slices=2)
    storescu(node.port, *series.write(tmp_path / "files"))
    node.until(series.study_uid, lambda answer: answer["state"] == "routed")
    assert node.stop() == 0
    assert any("Test^Ball" in one.xml for one in told_in(node.data / "audit"))
    assert "Ball" not in json.dumps(node.events) + "".join(node.words)


@pytest.mark.slow
def test_a_killed_node_says_at_its_next_start_what_came_before_it_died(start):
    node = start(rules=[])
    series = MrSeries(slices=3)
    ae = AE(ae_title="SCANNER")
    contexts = [build_context(MR_IMAGE)]
    assoc = ae.associate("127.0.0.1", node.port, contexts=contexts, ae_title="SYNTHNODE")
    for ds in series.datasets():
        assert assoc.send_c_store(ds).Status == 0
    node.kill()
    assoc.abort()
    node.start()
    assert node.stop() == 0
    (received,) = [
        one for one in told_in(node.data / "audit") if one.event == "DICOM Instances Transferred"
    ]
    assert (received.action, received.counts) == ("C", {MR_IMAGE: 3})
    assert "counted in the archive at the next start" in received.because
    kinds = [one.kind for one in told_in(node.data / "audit") if one.kind.startswith("Application")]
    assert kinds == ["Application Start", "Application Start", "Application Stop"], (
        "a start without a stop before it says that the node was killed"
    )


def test_a_receiver_that_was_away_has_everything_after_the_node_was_killed_and_restarted(
    start, tmp_path, authority
):
    receiver = SyslogReceiver(free_port(), identity=authority.issue("receiver"))
    settings = {
        "name": "arr", "host": "localhost", "port": receiver.port,
        "ca_file": str(authority.certificate),
    }  # fmt: skip
    node = start(rules=[], environ={"NODE_AUDIT__RECEIVER": json.dumps([settings])})
    storescu(node.port, *MrSeries(slices=2).write(tmp_path / "files"))
    node.wait_for("audit not sent", receiver="arr")
    node.wait_for("received")
    node.kill()
    receiver.start()
    try:
        node.start()
        received = receiver.wait_for(5, 30.0)
        numbers = list(dict.fromkeys(one.number for one in received))
        assert numbers == list(range(1, len(numbers) + 1)), "each at least once, in order"
        texts = {one.number: one.message for one in receiver.received}
        assert node.stop() == 0
    finally:
        receiver.stop()
    kept = [one.xml for one in told_in(node.data / "audit")]
    assert [texts[number] for number in sorted(texts)] == kept[: len(texts)]
    assert Told.of(texts[1]).kind == "Application Start"


@pytest.mark.slow
def test_a_worker_of_its_own_tells_that_it_starts_and_stops(start):
    node = start(rules=[], extra={"worker": {"count": 0}})
    arguments = [sys.executable, "-m", "dicom_node", "--conf", str(node.conf), "worker"]
    worker = subprocess.Popen(arguments, env=node.environ, stderr=subprocess.DEVNULL)

    def activities() -> list[str]:
        found = told_in(node.data / "audit")
        return [one.kind for one in found if one.people[0] == str(worker.pid)]

    until(activities, 30.0)
    worker.terminate()
    assert worker.wait(20) == 0
    assert activities() == ["Application Start", "Application Stop"]


@pytest.mark.slow
def test_with_the_audit_off_a_node_works_and_tells_nothing(start, tmp_path):
    scp, peer = pacs()
    node = start(peers=[peer], extra={"audit": {"on": False}})
    series = MrSeries()
    storescu(node.port, *series.write(tmp_path / "files"))
    node.until(series.study_uid, is_sent)
    assert node.stop() == 0
    scp.stop()
    assert not (node.data / "audit").exists()
