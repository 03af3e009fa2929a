"""Studies planned, and planned again when more came; on both databases."""

from urllib.request import Request, urlopen

import pytest

from dicom_node.archive import Received, Studies
from dicom_node.jobs import JobQueue
from dicom_node.rules import Elsewhere, Rule, RulesStage
from dicom_node.scu import Askable
from dicom_node.settings import Outbox, Peer
from dicom_node.values import JobState, Origin, Priority
from tests.dicom_node.archive.objects import file_of
from tests.support.mr import MrSeries, encoded
from tests.support.need import free_port

SYNTAX = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


class Scene:
    """An archive, and the stage on it."""

    def __init__(self, store, task, peers=(), grid="native") -> None:
        self.store = store
        self.rules = (Rule("sct", task, grid, ("pacs",), Priority.ROUTINE, ()),)
        self.stage = RulesStage(
            store.database,
            store.files.folder,
            self.rules,
            {task.name: task},
            ("2.25.9", {}),
            Elsewhere(Askable("SYNTHNODE", peers, Outbox(connect_s=2.0, answer_s=5.0))),
        )

    def send(self, datasets) -> None:
        for ds in datasets:
            self.store.archive.keep(Received(encoded(ds), SYNTAX, "SCANNER", Origin.RECEIVED))

    def plan(self) -> int:
        with self.store.database.transaction() as session:
            studies = Studies(session, self.store.files.folder)
            for waiting in studies.receiving():
                studies.complete(waiting.uid, waiting.revision, "quiet")
        return self.stage.tick(self.store.now)

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
    (decision,) = scene.stage.explain(datasets[0].StudyInstanceUID)
    assert ("DISTORTION_UNCORRECTED" in " ".join(decision.unmet)) is not fires


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
    (decision,) = scene.stage.explain(series.study_uid)
    assert "CT is not missing" in decision.unmet[0]
    assert scene.jobs() == [JobState.CANCELLED]


def test_other_content_under_a_known_uid_cancels_the_job(scene):
    datasets = MrSeries().datasets()
    scene.send(datasets)
    scene.plan()
    datasets[3].PixelData = bytes(len(datasets[3].PixelData))
    scene.send(datasets[3:4])
    scene.plan()
    assert scene.jobs() == [JobState.CANCELLED]


def test_a_straggler_makes_a_new_job_and_ends_the_old_one(scene):
    datasets = MrSeries().datasets()
    scene.send(datasets[:-1])
    scene.plan()
    scene.send(datasets[-1:])
    scene.plan()
    assert scene.jobs() == [JobState.CANCELLED, JobState.WAITING]


@pytest.fixture
def asked(store, task, orthanc) -> Scene:
    """A node that may ask Orthanc."""
    peer = Peer(
        name="pacs", ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom_port, ask=("find",)
    )
    return Scene(store, task, (peer,))


def upload(orthanc, datasets) -> None:
    for ds in datasets:
        url = f"http://127.0.0.1:{orthanc.http_port}/instances"
        urlopen(Request(url, data=file_of(ds)), timeout=20).read()


def test_what_is_at_a_peer_that_may_be_asked_is_not_missing(asked, orthanc):
    series = MrSeries()
    upload(orthanc, acquired_ct(series)[:1])
    asked.send(series.datasets())
    asked.plan()
    assert asked.jobs() == []
    (decision,) = asked.stage.explain(series.study_uid)
    assert decision.unmet == (
        "CT may not be missing: pacs has series 1.2.3.4 of modality CT, which is not here",
    )


def test_a_synthetic_series_at_a_peer_is_still_missing(asked, orthanc):
    series = MrSeries()
    made = acquired_ct(series)[:1]
    made[0].SeriesDescription = "sCT from T1w MR (SYNTHETIC, RESEARCH)"
    upload(orthanc, [*made, *series.datasets()[:1]])
    asked.send(series.datasets())
    asked.plan()
    assert asked.jobs() == [JobState.WAITING]


def test_a_peer_that_does_not_answer_keeps_no_image_from_anybody(store, task):
    peer = Peer(name="pacs", ae_title="X", host="127.0.0.1", port=free_port(), ask=("find",))
    scene = Scene(store, task, (peer,))
    scene.send(MrSeries().datasets())
    scene.plan()
    assert scene.jobs() == [JobState.WAITING]
