"""A node that starts on the archive of the first version ends everything that was in flight."""

from datetime import UTC, datetime, timedelta

import pytest
from pydicom.dataset import Dataset
from pynetdicom import build_context

from dicom_node.db import Database
from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.scu import Ourselves, answers_to, associated
from dicom_node.settings import Outbox, Peer
from engine.task import read_bundle
from tests.support.first_schema import FirstArchive, uids_of
from tests.support.mr import MrSeries
from tests.support.need import free_port
from tests.support.node import NodeConf, RunningNode, is_sent
from tests.support.scp import Scp

SMALL = {"slices": 18, "size": 32, "spacing_mm": 6.0}
RAN, WAITED, COMING = (MrSeries(seed=name, **SMALL) for name in ("ran", "waited", "coming"))
DONE, MADE = MrSeries(seed="done", **SMALL), MrSeries(seed="made", slices=5, size=16)


@pytest.fixture
def scene(tmp_path, long_database_url):
    """A configuration, the archive that the first version left, and a PACS that was away."""
    pacs = Scp(free_port())
    peer = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": pacs.port}
    conf = NodeConf(tmp_path / "node", database=long_database_url, interrupted_s=1.0)
    conf.peers[0]["may"] = ["echo", "store", "find"]
    conf.peers.append({**peer, "may": []})
    folder = conf.write()
    identity = read_bundle(folder / "models" / "tiny").identity
    model = {"name": identity.name, "version": identity.version, "digest": identity.digest}
    data = conf.folder / "var"
    data.mkdir()
    database, now = Database(long_database_url, data), datetime.now(UTC)
    archive = FirstArchive(database, data / "archive", now, now - timedelta(seconds=1))
    for series in (RAN, WAITED, DONE):
        archive.study(series)
    archive.receiving(COMING)
    archive.job(RAN, "running", model)
    archive.job(WAITED, "waiting", model)
    archive.job(DONE, "done", model, series_uids=[MADE.series_uid])
    archive.delivery(MADE, DONE.study_uid, "sending", uids_of(MADE.datasets())[:2])
    archive.write()
    database.close()
    node = RunningNode(folder)
    yield node, conf.port, pacs.start()
    assert node.stop() == 0
    pacs.stop()


def test_every_job_and_every_delivery_that_was_in_flight_ends_and_none_is_doubled(scene):
    node, port, pacs = scene
    node.start()
    answers = [node.until(one.study_uid, is_sent) for one in (RAN, WAITED, COMING, DONE)]
    assert [[job["state"] for job in one["jobs"]] for one in answers] == [["done"]] * 4
    made = {uid for one in answers for job in one["jobs"] for uid in job["series_uids"]}
    assert len(made) == 4
    left = set(uids_of(MADE.datasets())[2:])
    assert left <= pacs.kept.keys()
    assert len(pacs.asked) == len(set(pacs.asked)) == 3 * SMALL["slices"] + len(left)
    node.wait_for("headers filled")
    assert DONE.study_uid in found_by_patient(port)


def found_by_patient(port: int) -> set[str]:
    """Return the studies that a query by a header finds: the first schema kept no headers."""
    question = Dataset()
    question.QueryRetrieveLevel, question.PatientID = "STUDY", "TEST-1"
    question.StudyInstanceUID = ""
    node = Peer(name="node", ae_title="SYNTHNODE", host="127.0.0.1", port=port)
    us = Ourselves("SCANNER", Outbox())
    with associated(us, node, [build_context(STUDY_ROOT_FIND)]) as assoc:
        return {str(one.StudyInstanceUID) for one in answers_to(us, node, assoc, question)}
