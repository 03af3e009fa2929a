"""What only the PACS has: a rule that would fire asks before it does; on both databases."""

import itertools
import time
from pathlib import Path

import pytest
from pynetdicom import AE, evt

from dicom_node.db import QuestionRow, StudyRow
from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.dicomweb import DicomWeb, Place
from dicom_node.qido import WebRemote
from dicom_node.remote import Remote
from dicom_node.rules import Elsewhere, Inquirer, Looks, Pace
from dicom_node.scu import Ourselves
from dicom_node.series import OwnIdentity
from dicom_node.settings import Destination, Outbox, Peer
from dicom_node.values import JobState
from tests.dicom_node.rules.test_stage import (
    CACHE_S,
    TIMES,
    WAIT_S,
    Scene,
    acquired_ct,
    scene,
    upload,
)
from tests.support.listening import Ear
from tests.support.mr import MrSeries
from tests.support.need import free_port
from tests.support.orthanc import Orthanc
from tests.support.stow import StowServer

__all__ = ["scene"]


def pacs(port: int, *ask: str) -> Peer:
    return Peer(name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=port, ask=ask or ("find",))


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """One Orthanc for all tests that leave it running; each has a study of its own."""
    archive = Orthanc(tmp_path_factory.mktemp("hospital")).start()
    yield archive
    archive.stop()


@pytest.fixture
def series(request) -> MrSeries:
    return MrSeries(seed=request.node.name)


@pytest.fixture
def asked(store, task, hospital) -> Scene:
    """A node that may ask Orthanc."""
    return Scene(store, task, (pacs(hospital.dicom_port),))


def test_an_acquired_ct_that_only_the_pacs_has_is_not_missing(asked, hospital, series):
    upload(hospital, acquired_ct(series)[:2])
    asked.send(series.datasets())
    assert asked.plan() == 1
    assert asked.jobs() == []
    (rule,) = asked.why(series)["rules"]
    assert rule["unmet"] == [
        "CT is not missing: pacs has series 1.2.3.4, acquired CT (by the header of one instance, "
        "asked for), which is not here"
    ]


def test_what_was_asked_and_answered_stands_in_why(asked, hospital, series):
    upload(hospital, [*acquired_ct(series)[:2], *series.datasets()[:1]])
    asked.send(series.datasets())
    asked.complete()
    assert asked.tick() == 0, "it waits for the answer"
    (before,) = asked.why(series)["asked"]
    assert (before["answered_at"], before["series"]) == (None, [])
    asked.ask()
    (after,) = asked.why(series)["asked"]
    assert after["peer"] == "pacs"
    assert after["answered_at"] == asked.store.now.isoformat()
    (there,) = after["series"]
    assert (there["series_uid"], there["label"], there["instances"]) == ("1.2.3.4", "CT", 2)


def test_a_ct_whose_header_calls_it_made_is_still_missing(asked, hospital, series):
    """Not its description, which an archive may have changed: one of its images is looked at."""
    made = acquired_ct(series)[:1]
    made[0].ImageType = ["DERIVED", "SECONDARY", "AXIAL", "SYNTHETIC"]
    upload(hospital, made)
    asked.send(series.datasets())
    asked.plan()
    assert asked.jobs() == [JobState.WAITING]
    (there,) = asked.why(series)["asked"][0]["series"]
    assert there["synthetic"]


def test_a_synthetic_series_at_a_peer_is_still_missing(asked, hospital, series):
    made = acquired_ct(series)[:1]
    made[0].SeriesDescription = "sCT from T1w MR (SYNTHETIC, RESEARCH)"
    upload(hospital, [*made, *series.datasets()[:1]])
    asked.send(series.datasets())
    asked.plan()
    assert asked.jobs() == [JobState.WAITING]


def test_an_image_of_which_too_little_is_told_may_be_what_is_made(asked, hospital, series):
    upload_ct = acquired_ct(series)[:1]
    del upload_ct[0].ImageType
    upload(hospital, upload_ct)
    asked.send(series.datasets())
    asked.plan()
    assert asked.jobs() == []
    (rule,) = asked.why(series)["rules"]
    assert "CT may not be missing: pacs has series 1.2.3.4 of modality CT" in rule["unmet"][0]


def test_a_peer_that_is_away_is_waited_for_no_longer_than_stated_and_why_says_so(
    store, task, series
):
    scene = Scene(store, task, (pacs(free_port()),))
    scene.send(series.datasets())
    assert scene.plan() == 0
    scene.later(WAIT_S - 1)
    assert (scene.ask(), scene.tick(), scene.jobs()) == (0, 0, [])
    scene.later(1)
    assert (scene.tick(), scene.jobs()) == (1, [JobState.WAITING])
    (question,) = scene.why(series)["asked"]
    assert question["answered_at"] is None
    assert question["attempts"] == 2
    assert "does not answer" in question["error"]


def test_a_peer_that_comes_back_in_time_is_heard(store, task, orthanc, series):
    port = orthanc.dicom_port
    orthanc.stop()
    scene = Scene(store, task, (pacs(port),))
    scene.send(series.datasets())
    assert scene.plan() == 0
    orthanc.start()
    upload(orthanc, acquired_ct(series)[:1])
    scene.later(5)
    assert (scene.ask(), scene.tick(), scene.jobs()) == (1, 1, [])


def test_an_answer_counts_for_as_long_as_stated_and_no_longer(asked, hospital, series):
    datasets = series.datasets()
    asked.send(datasets[:-2])
    asked.plan()
    assert asked.jobs() == [JobState.WAITING]
    upload(hospital, acquired_ct(series)[:1])  # nobody asks again so soon
    asked.later(CACHE_S - 1)
    asked.send(datasets[-2:-1])
    asked.complete()
    assert asked.tick() == 1
    asked.later(2)
    asked.send(datasets[-1:])
    asked.complete()
    assert asked.tick() == 0, "it is asked anew"
    assert (asked.ask(), asked.tick()) == (1, 1)
    assert not asked.why(series)["rules"][0]["fired"]


def test_a_rule_that_does_not_fire_asks_nobody(asked, series):
    asked.send(acquired_ct(series))
    assert asked.plan() == 1
    assert asked.store.rows(QuestionRow) == []


def test_more_of_the_study_ends_the_wait(store, task, series):
    scene = Scene(store, task, (pacs(free_port()),))
    scene.send(series.datasets())
    scene.plan()
    assert scene.store.row(StudyRow).plan_at is not None
    scene.send(acquired_ct(series))
    scene.complete()
    assert scene.tick() == 1
    assert scene.jobs() == []


@pytest.mark.parametrize("most", [0, 1])
def test_no_more_series_are_looked_at_than_stated(store, task, hospital, series, most):
    scene = Scene(store, task, (pacs(hospital.dicom_port),), most=most)
    cts = acquired_ct(series)[:2]
    cts[1].SeriesInstanceUID = "1.2.3.5"
    upload(hospital, cts)
    scene.send(series.datasets())
    scene.plan()
    there = scene.why(series)["asked"][0]["series"]
    assert sum(one["label"] == "CT" for one in there) == most
    assert sum(one["how"].startswith("not looked at") for one in there) == 2 - most


@pytest.fixture
def cloud():
    server = StowServer()
    yield server
    server.stop()


def over_the_web(server: StowServer) -> WebRemote:
    destination = Destination(name="cloud", kind="dicomweb", url=server.url, ask=("find",))
    return WebRemote(DicomWeb(Place(destination, Path()), Outbox(connect_s=20.0, answer_s=20.0)))


def test_an_acquired_ct_that_only_a_dicomweb_archive_has_is_not_missing(store, task, series, cloud):
    cloud.keep(*acquired_ct(series)[:2])
    scene = Scene(store, task, (over_the_web(cloud),))
    scene.send(series.datasets())
    assert scene.plan() == 1
    assert scene.jobs() == []
    (rule,) = scene.why(series)["rules"]
    assert rule["unmet"] == [
        "CT is not missing: cloud has series 1.2.3.4, acquired CT (by the header of one instance, "
        "asked for), which is not here"
    ]


def test_what_a_dicomweb_archive_says_was_made_is_still_missing(store, task, series, cloud):
    made = acquired_ct(series)[:1]
    made[0].ImageType = ["DERIVED", "SECONDARY", "AXIAL", "SYNTHETIC"]
    cloud.keep(*made, *series.datasets()[:1])
    scene = Scene(store, task, (over_the_web(cloud),))
    scene.send(series.datasets())
    scene.plan()
    assert scene.jobs() == [JobState.WAITING]


def test_a_dicomweb_archive_that_is_away_is_waited_for_no_longer_than_stated(
    store, task, series, cloud
):
    cloud.status = 503
    scene = Scene(store, task, (over_the_web(cloud),))
    scene.send(series.datasets())
    assert scene.plan() == 0
    scene.later(WAIT_S)
    assert (scene.tick(), scene.jobs()) == (1, [JobState.WAITING])
    (question,) = scene.why(series)["asked"]
    assert "cloud answered 503" in question["error"]


class Slow:
    """An archive with eight CTs of any study; it takes its time, and notes when it is asked."""

    def __init__(self, delay_s: float) -> None:
        self.asked_at: list[float] = []
        self._delay_s = delay_s
        ae = AE(ae_title="ORTHANC")
        ae.add_supported_context(STUDY_ROOT_FIND)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_ACCEPTED, self._note)]
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)

    def inquirer(self, pace: Pace | None = None) -> Inquirer:
        remote = Remote(Ourselves("SYNTHNODE", TIMES), pacs(self._server.server_address[1]))
        looks = Looks(frozenset({"CT"}), most=8, limit_s=5.0)
        return Inquirer(remote, looks, OwnIdentity(), moves=False, pace=pace)

    def stop(self) -> None:
        self._server.shutdown()

    def _note(self, _event) -> None:
        self.asked_at.append(time.monotonic())

    def _find(self, event):
        asked = event.identifier
        time.sleep(self._delay_s)
        for number in range(1, 9) if asked.QueryRetrieveLevel == "SERIES" else (0,):
            asked.Modality, asked.SOPInstanceUID = "CT", "1.2.9"
            if number:
                asked.SeriesInstanceUID = f"1.2.{number}"
            yield 0xFF00, asked


@pytest.fixture
def slow():
    archive = Slow(0.4)
    yield archive
    archive.stop()


def test_what_is_asked_on_the_spot_is_waited_for_as_long_as_a_rule_waits(slow):
    elsewhere = Elsewhere({"pacs": slow.inquirer()}, wait_s=1.0)
    (found,) = elsewhere.ask_now("1.2", (), ()).values()
    assert len(found) == 8
    assert found[-1].how == "not told: pacs was not asked: no time was left"


def test_a_peer_that_is_silent_leaves_the_others_their_time(slow):
    ear = Ear()
    silent = Remote(Ourselves("SYNTHNODE", TIMES), pacs(ear.port))
    first = Inquirer(silent, Looks(frozenset(), 0, 5.0), OwnIdentity(), moves=False)
    elsewhere = Elsewhere({"silent": first, "pacs": slow.inquirer()}, wait_s=2.0)
    try:
        assert elsewhere.ask_now("1.2", (), ()).keys() == {"pacs"}
    finally:
        ear.close()


def test_a_peer_is_asked_no_more_often_than_stated_whoever_asks(slow):
    pace = Pace(0.6)
    elsewhere = Elsewhere({"pacs": slow.inquirer(pace)}, wait_s=1.0)
    elsewhere.ask_now("1.2", (), ())
    Elsewhere({"pacs": slow.inquirer(pace)}, wait_s=1.0).ask_now("1.2", (), ())
    gaps = [after - before for before, after in itertools.pairwise(slow.asked_at)]
    assert len(gaps) >= 2
    assert min(gaps) > 0.5
