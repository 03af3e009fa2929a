"""What the web serves of a node, with the node behind it."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from dicom_node.app import open_node
from dicom_node.app.clock import utc_now
from dicom_node.app.web import services_of, web_stages
from dicom_node.archive import Received, Studies
from dicom_node.audit import Remote, alerts
from dicom_node.jobs import JobQueue
from dicom_node.values import JobState, Origin
from dicom_node.web import web_app
from tests.support.mr import MrSeries, encoded
from tests.support.node import NodeConf
from tests.support.trail import told_in

SHARE = {"name": "share", "kind": "folder", "path": "out"}
SYNTAX = "1.2.840.10008.1.2.1"


@pytest.fixture
def node(tmp_path):
    web = {"loopback_without_token": True}
    opened = open_node(NodeConf(tmp_path, destinations=[SHARE], extra={"web": web}).write(), {})
    yield opened
    opened.database.close()


@pytest.fixture
def client(node):
    return TestClient(
        web_app(services_of(node)), base_url="http://127.0.0.1", client=("127.0.0.1", 1)
    )


def completed(node, series: MrSeries) -> None:
    for ds in series.datasets():
        node.archive.keep(Received(encoded(ds), SYNTAX, "SCANNER", Origin.RECEIVED))
    with node.database.transaction() as session:
        studies = Studies(session, node.archive.folder)
        for waiting in studies.receiving():
            studies.complete(waiting.uid, waiting.revision, "quiet")


def test_what_is_asked_for_over_http_is_a_job_and_asked_again_it_is_the_same(node, client):
    series = MrSeries()
    completed(node, series)
    asked = {"study_uid": series.study_uid, "task": "ct_from_mr"}
    first, second = (client.post("/requests", json=asked) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["job"] == second.json()["job"]
    assert (first.json()["by"], first.json()["via"]) == ("loopback", "http")
    assert first.json()["destinations"] == ["share"]
    with node.database.reading() as session:
        (job,) = JobQueue(session).list()
    assert (job.id, job.state) == (first.json()["job"]["id"], JobState.WAITING)


def test_what_is_asked_for_over_http_goes_through_the_same_gates(node, client):
    series = MrSeries()
    asked = {"study_uid": series.study_uid, "task": "ct_from_mr"}
    assert client.post("/requests", json=asked).status_code == 404
    completed(node, series)
    named = {**asked, "destinations": ["nowhere"]}
    found = client.post("/requests", json=named)
    assert (found.status_code, found.json()["reasons"][0]["code"]) == (409, "DESTINATION_UNKNOWN")
    assert node.rules_stage().tick(utc_now()) == 1
    with node.database.reading() as session:
        assert len(JobQueue(session).list()) == 1, "by the rule; what was refused made none"


def test_what_the_web_only_counted_is_told_when_the_minute_is_over(node):
    alert = alerts.node_refused(utc_now(), Remote("192.0.2.7", address="192.0.2.7"), "no")
    node.audit.record(alert, alert, alert)
    stage, _ = web_stages(node)["audit"]
    stage.tick(utc_now())
    assert len(told_in(node.settings.data / "audit")) == 1
    stage.tick(utc_now() + timedelta(minutes=2))
    _, rest = told_in(node.settings.data / "audit")
    assert rest.details["Repeated"].startswith("2 times")
