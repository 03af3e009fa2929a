"""What was sent is receipted, or sent again: over real sockets, through kills and restarts."""

import sqlite3
import threading

import pytest

from tests.support.committing import CommittingScp
from tests.support.mr import MR_IMAGE, MrSeries
from tests.support.need import free_port
from tests.support.node import NodeConf, is_receipted
from tests.support.orthanc import Orthanc
from tests.support.sender import send
from tests.support.web import RunningWeb

SLICES = 200
LOSES_ONE = """
local lost = false
function ReceivedInstanceFilter(dicom, origin)
   if not lost and dicom.InstanceNumber == '100' then
      lost = true
      return false
   end
   return true
end
"""


def long_series(seed: str) -> MrSeries:
    return MrSeries(seed=seed, slices=SLICES, size=32, spacing_mm=6.0, step_mm=2.0)


@pytest.fixture
def pacs():
    archive = CommittingScp(free_port(), free_port()).start()
    yield archive
    archive.stop()


def peer(pacs: CommittingScp) -> dict:
    return {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": pacs.port,
            "may": ["echo"], "ask": ["commit"]}  # fmt: skip


def is_at_last_receipted(node, study_uid: str) -> dict:
    answer = node.until(study_uid, is_receipted)
    (delivery,) = answer["deliveries"]
    assert (delivery["receipted"], delivery["total"]) == (delivery["total"], SLICES)
    assert (delivery["missing"], delivery["error"]) == ([], None)
    return answer


def test_an_archive_keeps_199_of_200_and_the_node_is_killed_meanwhile(
    start, pacs, long_database_url
):
    node = start(database=long_database_url, peers=[peer(pacs)], port=pacs.node_port)
    pacs.drops_number = 100
    series = long_series("199 of 200")
    send(node.port, series.datasets())
    request = pacs.wait_for_request(1)
    assert len(request.instances) == SLICES
    node.kill()  # between our request and the report
    node.start()
    dropped = pacs.asked[99]
    pacs.asked.clear()
    assert pacs.report(pacs.verdict(request)) == 0x0000
    said = node.command("why", series.study_uid).stdout
    assert f"pacs did not have 1 instance: {dropped} (no such instance there, 0x0112)" in said
    second = pacs.wait_for_request(2)
    assert [one.sop_instance_uid for one in second.instances] == [dropped]
    assert pacs.report(pacs.verdict(second)) == 0x0000
    is_at_last_receipted(node, series.study_uid)
    assert pacs.asked == [dropped], "only it was sent again"


@pytest.mark.slow
def test_killed_between_a_report_and_its_row_the_report_counts_when_it_comes_again(start, pacs):
    node = start(peers=[peer(pacs)], port=pacs.node_port)
    series = MrSeries(seed="between report and row", slices=18)
    send(node.port, series.datasets())
    verdict = pacs.verdict(pacs.wait_for_request(1))
    other = sqlite3.connect(node.data / "node.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")  # the report can be read, and cannot be kept
    statuses = []
    reporting = threading.Thread(target=lambda: statuses.append(pacs.report(verdict)))
    reporting.start()
    node.wait_for("commitment reported", transaction_uid=verdict.transaction_uid)
    node.kill()
    other.execute("ROLLBACK")
    other.close()
    reporting.join(60)
    assert statuses == [None], "it was not answered, so the archive tries again"
    node.start()
    assert node.why(series.study_uid)["deliveries"][0]["state"] == "sent"
    assert pacs.report(verdict) == 0x0000
    node.until(series.study_uid, is_receipted)


@pytest.fixture
def forgetful(tmp_path):
    """An Orthanc that answers one C-STORE with success and keeps nothing of it."""
    script = tmp_path / "loses_one.lua"
    script.write_text(LOSES_ONE)
    archive = Orthanc(tmp_path / "orthanc", options={"LuaScripts": [str(script)]}).start()
    yield archive
    archive.stop()


def test_orthanc_commits_itself_and_what_it_lost_is_sent_again(start, forgetful):
    port = free_port()
    forgetful.know("node", port)
    node = start(peers=[forgetful.peer(ask=["commit"])], port=port)
    series = long_series("orthanc")
    send(node.port, series.datasets())
    answer = is_at_last_receipted(node, series.study_uid)
    (delivery,) = answer["deliveries"]
    assert delivery["resends"] == 1
    assert delivery["receipt"] == "pacs vouches for all of it, by storage commitment"
    sent = [e["instances"] for e in node.events if e.get("event") == "asked to commit"]
    assert sent == [SLICES, 1]
    (held,) = forgetful.series().values()
    assert len(held) == SLICES


def test_orthanc_asks_us_to_commit_and_is_told_the_truth(start, orthanc):
    port = free_port()
    orthanc.know("node", port)
    node = start(peers=[orthanc.peer(may=["echo", "store", "commit"])], port=port, rules=[])
    series = MrSeries(seed="asked by orthanc", slices=3)
    send(node.port, series.datasets())
    uids = [ds.SOPInstanceUID for ds in series.datasets()]

    def asked(*instances: str) -> dict:
        pairs = [[MR_IMAGE, uid] for uid in instances]
        begun = orthanc.post("modalities/node/storage-commitment", {"DicomInstances": pairs})
        node.wait_for("commitment report taken", transaction_uid=begun["ID"])
        return orthanc.get(f"storage-commitment/{begun['ID']}")

    assert asked(*uids)["Status"] == "Success"
    report = asked(*uids, "1.2.3.4")
    assert report["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in report["Failures"]] == ["1.2.3.4"]
    assert report["Failures"][0]["FailureReason"] == 0x0112


def test_a_promise_outlives_the_node(start, orthanc):
    """Killed between the peer's request and our report: it is told all the same."""
    port, late = free_port(), free_port()
    orthanc.know("node", port)
    there = orthanc.peer(may=["echo", "store", "commit"])
    node = start(peers=[{**there, "port": late}], port=port, rules=[])  # nobody listens there
    series = MrSeries(seed="outlives", slices=1)
    send(node.port, series.datasets())
    pairs = [[MR_IMAGE, series.datasets()[0].SOPInstanceUID]]
    begun = orthanc.post("modalities/node/storage-commitment", {"DicomInstances": pairs})
    node.wait_for("report not taken")
    node.kill()
    assert orthanc.get(f"storage-commitment/{begun['ID']}")["Status"] == "Pending"
    peers = node.conf / "peers.toml"
    peers.write_text(peers.read_text().replace(str(late), str(orthanc.dicom_port)))
    node.start()
    node.wait_for("commitment report taken", transaction_uid=begun["ID"])
    assert orthanc.get(f"storage-commitment/{begun['ID']}")["Status"] == "Success"


@pytest.fixture
def cloud(tmp_path):
    """A DICOMweb archive: another node's web process."""
    archive = RunningWeb(NodeConf(tmp_path / "cloud", extra={"web": {"enabled": True}}))
    archive.folder.joinpath("token").write_text(archive.token("read", "write"))
    yield archive.start()
    assert archive.stop() == 0


@pytest.mark.slow
def test_a_dicomweb_archive_gets_what_was_made_and_is_searched_for_it(start, cloud):
    there = {"name": "cloud", "kind": "dicomweb", "url": f"{cloud.url}/dicom-web", "ask": ["find"],
             "token_file": str(cloud.folder / "token")}  # fmt: skip
    node = start(destinations=[there])
    series = MrSeries(seed="over the web", slices=18)
    send(node.port, series.datasets())
    answer = node.until(series.study_uid, is_receipted)
    (delivery,) = answer["deliveries"]
    assert (delivery["sent"], delivery["receipted"]) == (18, 18)
    assert "by a QIDO-RS search that lists its instances" in delivery["receipt"]
