"""Studies planned, and planned again when more came; on both databases."""

from dataclasses import replace
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from pydicom.dataset import Dataset
from structlog.testing import capture_logs

from dicom_node.app import explain_study
from dicom_node.archive import Received, Studies
from dicom_node.errors import DatabaseAway
from dicom_node.jobs import JobQueue
from dicom_node.remote import Remote
from dicom_node.rules import (
    AskStage,
    Current,
    Elsewhere,
    FetchStage,
    Inquirer,
    Looks,
    Offer,
    Rule,
    RulesStage,
    Versions,
)
from dicom_node.scu import Ourselves
from dicom_node.series import OwnIdentity
from dicom_node.settings import Outbox, Peer
from dicom_node.values import JobState, Origin, Priority
from tests.dicom_node.archive.objects import file_of
from tests.support.mr import MrSeries, encoded

SYNTAX = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
TIMES = Outbox(connect_s=20.0, answer_s=20.0)
WAIT_S, CACHE_S, FETCH_S = 30.0, 300.0, 60.0


class Scene:
    """An archive, and the stages on it."""

    def __init__(self, store, task, peers=(), *, most=8, labels=None, **values) -> None:
        self.store = store
        rule = Rule("sct", task, "native", ("pacs",), Priority.ROUTINE, ())
        self.rules = (replace(rule, **values),)
        dimse = [peer for peer in peers if isinstance(peer, Peer)]
        remotes = [Remote(Ourselves("SYNTHNODE", TIMES), peer) for peer in dimse]
        remotes += [other for other in peers if other not in dimse]
        if labels is None:
            labels = {"CT", "T1"} if self.rules[0].fetch else {"CT"}
        looks = Looks(frozenset(labels), most, limit_s=5.0, makes={task.name: str(task.makes)})
        own = OwnIdentity()
        inquirers = {one.name: Inquirer(one, looks, own, moves=False) for one in remotes}
        self.asks = [
            AskStage(one, store.database, 0.0, lambda: store.now) for one in inquirers.values()
        ]
        self.fetches = [FetchStage(one, store.database) for one in remotes]
        movers = frozenset(peer.name for peer in dimse if "move" in peer.ask)
        self.offer = Offer({task.name: task}, ("pacs", "other", "clinic"), ("clinic",))
        self.versions = Versions({task.bundle.identity.digest: task.bundle})
        self.elsewhere = Elsewhere(inquirers, movers, WAIT_S, CACHE_S, FETCH_S)
        self.stage = RulesStage(
            store.database,
            store.files.folder,
            self.current,
            ("2.25.9", {}),
            self.elsewhere,
        )

    @property
    def current(self) -> Current:
        return Current(self.rules, self.offer, self.versions)

    def offers(self, offer: Offer) -> None:
        """Offer something else from now on, as a node does that was started again."""
        self.offer = offer
        self.stage._current = self.current

    def send(self, datasets) -> None:
        for ds in datasets:
            self.store.archive.keep(Received(encoded(ds), SYNTAX, "SCANNER", Origin.RECEIVED))

    def complete(self) -> None:
        with self.store.database.transaction() as session:
            studies = Studies(session, self.store.files.folder)
            for waiting in studies.receiving():
                studies.complete(waiting.uid, waiting.revision, "quiet")

    def tick(self) -> int:
        return self.stage.tick(self.store.now)

    def ask(self) -> int:
        return sum(one.tick(self.store.now) for one in self.asks)

    def plan(self) -> int:
        """Plan what is complete; peers are asked where that is waited for."""
        self.complete()
        planned = self.tick()
        return planned + (self.tick() if self.ask() else 0)

    def decision(self, series):
        (decision,) = self.stage.explain(series.study_uid, self.store.now)
        return decision

    def why(self, series) -> dict:
        return explain_study(self.store.database, series.study_uid)

    def later(self, seconds: float) -> None:
        self.store.now += timedelta(seconds=seconds)

    def jobs(self) -> list[JobState]:
        """States, oldest first."""
        with self.store.database.reading() as session:
            return [job.state for job in reversed(JobQueue(session).list())]


@pytest.fixture
def scene(store, task) -> Scene:
    return Scene(store, task)


def acquired_ct(series: MrSeries) -> list:
    """Return the same slices as a diagnostic CT of the same study."""
    found = series.datasets()
    for number, ds in enumerate(found):
        ds.SOPClassUID, ds.Modality = CT_IMAGE, "CT"
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.3.4", f"1.2.3.4.{number}"
        ds.SeriesDescription = "CT head"
        for word in ("ScanningSequence", "SequenceVariant"):
            delattr(ds, word)
    return found


@pytest.mark.parametrize(("grid", "fires"), [("native", True), ("rt-axial", False)])
def test_a_rule_for_radiotherapy_asks_more_of_the_source(store, task, grid, fires):
    scene = Scene(store, task, grid=grid)
    datasets = MrSeries().datasets()
    for ds in datasets:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    scene.send(datasets)
    scene.plan()
    assert bool(scene.jobs()) is fires
    unmet = " ".join(scene.decision(MrSeries()).unmet)
    assert ("DISTORTION_UNCORRECTED" in unmet) is not fires


def test_a_study_is_planned_once(scene):
    scene.send(MrSeries().datasets())
    assert (scene.plan(), scene.plan()) == (1, 0)
    assert scene.jobs() == [JobState.WAITING]


def test_what_comes_meanwhile_and_makes_the_job_needless_cancels_it(scene):
    series = MrSeries()
    scene.send(series.datasets())
    scene.plan()
    scene.send(acquired_ct(series))
    scene.plan()
    assert "CT is not missing" in scene.decision(series).unmet[0]
    assert scene.jobs() == [JobState.CANCELLED]


def test_other_content_under_a_known_uid_cancels_the_job(scene):
    datasets = MrSeries().datasets()
    scene.send(datasets)
    scene.plan()
    datasets[3].PixelData = bytes(len(datasets[3].PixelData))
    scene.send(datasets[3:4])
    scene.plan()
    assert scene.jobs() == [JobState.CANCELLED]


def a_report(series: MrSeries) -> Dataset:
    """Return a report of the study by somebody who misspells names."""
    (ds, *_) = series.datasets()
    for word in ("PixelData", "Rows", "Columns", "ImagePositionPatient", "ImageOrientationPatient"):
        delattr(ds, word)
    ds.SOPClassUID, ds.Modality = "1.2.840.10008.5.1.4.1.1.88.11", "SR"
    ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.3.88", "1.2.3.88.1"
    ds.PatientName = "Misspelt^Ball"
    return ds


@pytest.mark.parametrize(("word", "plans"), [("PatientName", 1), ("PatientID", 0)])
def test_a_report_that_misspells_a_name_puts_no_image_in_doubt(scene, word, plans):
    series, report = MrSeries(), a_report(MrSeries())
    setattr(report, word, "MISSPELT")
    scene.send([*series.datasets(), report])
    scene.plan()
    assert len(scene.jobs()) == plans, "another Patient ID is another patient"


def test_a_straggler_makes_a_new_job_and_ends_the_old_one(scene):
    datasets = MrSeries().datasets()
    scene.send(datasets[:-1])
    scene.plan()
    scene.send(datasets[-1:])
    scene.plan()
    assert scene.jobs() == [JobState.CANCELLED, JobState.WAITING]


def test_a_zero_in_a_description_keeps_no_study_from_its_plan(scene):
    odd, plain = MrSeries("odd"), MrSeries("plain")
    datasets = odd.datasets()
    for ds in datasets:
        ds.SeriesDescription += "\0x"
    scene.send(datasets)
    scene.send(plain.datasets())
    assert scene.plan() == 2
    assert scene.why(odd)["series"][0]["description"].endswith("x")


def test_a_study_that_meets_a_bug_is_told_and_put_off_and_the_others_are_planned(
    scene, monkeypatch
):
    odd, plain = MrSeries("odd"), MrSeries("plain")
    for series in (odd, plain):
        scene.send(series.datasets())
        scene.later(1)
    understand = scene.stage.understand

    def buggy(session, study_uid):
        return understand(session, study_uid) if study_uid != odd.study_uid else 1 / 0

    monkeypatch.setattr(scene.stage, "understand", buggy)
    with capture_logs() as said:
        assert scene.plan() == 1
    (line,) = [one for one in said if one["event"] == "study not planned"]
    assert (line["study_uid"], line["log_level"]) == (odd.study_uid, "error")
    monkeypatch.undo()
    assert scene.tick() == 0
    scene.later(300)
    assert scene.tick() == 1


def test_a_database_that_is_away_puts_no_study_off(scene, monkeypatch):
    scene.send(MrSeries().datasets())
    scene.complete()

    def away(*_):
        raise DatabaseAway("the database did not answer")

    monkeypatch.setattr(scene.stage, "understand", away)
    with pytest.raises(DatabaseAway):
        scene.tick()
    monkeypatch.undo()
    assert scene.tick() == 1


def upload(orthanc, datasets) -> None:
    for ds in datasets:
        url = f"http://127.0.0.1:{orthanc.http_port}/instances"
        urlopen(Request(url, data=file_of(ds)), timeout=20).read()
