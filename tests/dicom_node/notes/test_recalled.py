"""A version of a model is recalled: nothing is made by it any more, and what was is taken back."""

from dataclasses import replace

import pytest

from dicom_node.archive import Held
from dicom_node.audit import Silence
from dicom_node.db import DeliveryRow, HeldRow, RejectionRow
from dicom_node.errors import LeaseLost
from dicom_node.jobs import Ended, JobQueue, Request
from dicom_node.notes import carry_out
from dicom_node.rejections import Recall, Recalls
from dicom_node.rules import Elsewhere, Requester
from dicom_node.values import JobState
from dicom_node.worker import Retries, WorkerStage
from dicom_node.worker.work import Answer, Placed
from engine.reason import Code
from tests.dicom_node.notes.scene import US, Scene
from tests.dicom_node.notes.test_superseded import notes_at
from tests.support.again import plan_again
from tests.support.mr import MrSeries

SERIES, OTHER = MrSeries(), MrSeries(seed="other")


def begin(scene: Scene, model: tuple[str, str] | None = None) -> Recall:
    """Recall a version as the command does, and no more."""
    with scene.database.transaction() as session:
        return Recalls(session).add(
            model or scene.model, "A. Physicist", "shifted by a slice", scene.store.now
        )


def recall(scene: Scene, model: tuple[str, str] | None = None) -> None:
    carry_out((scene.database, scene.store.files.folder), begin(scene, model), scene.store.now)


def job_of(scene: Scene, series: MrSeries) -> dict:
    (job,) = scene.why(series)["jobs"]
    return job


def is_blocked(job: dict) -> bool:
    codes = [reason["code"] for reason in job["reasons"]]
    return job["state"] == "refused" and codes == ["MODEL_RECALLED"]


def test_what_was_made_is_noted_by_the_title_for_patient_safety(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    recall(scene)
    assert scene.tell() == 1
    scene.deliver()
    (note,) = notes_at(scene)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113037"
    (one,) = scene.rejected(SERIES, uid)
    assert (one["because"], one["by"], one["told"]) == ("recalled", "A. Physicist", True)
    assert "shifted by a slice" in note.ContentSequence[2].TextValue
    assert scene.shown(SERIES, uid) == 0


def test_a_job_that_waits_is_refused_and_says_by_whom_and_why(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    recall(scene)
    job = job_of(scene, SERIES)
    assert is_blocked(job)
    assert job["reasons"][0]["text"].endswith("recalled by A. Physicist: shifted by a slice")


def test_the_result_of_a_job_that_runs_does_not_leave(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job)
    recall(scene)
    with pytest.raises(LeaseLost):
        scene.finish(job, made)
    assert is_blocked(job_of(scene, SERIES))
    assert scene.store.rows(DeliveryRow) == []


def test_what_is_held_is_given_up(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job)
    with scene.database.transaction() as session:
        JobQueue(session).finish(job, Ended(JobState.HELD, (), (made.series_uid,)))
        scene.store.archive.hold(session, job.id, made)
    recall(scene)
    assert is_blocked(job_of(scene, SERIES))
    with scene.database.reading() as session:
        assert Held(session).of_job(job.id) is None
    assert scene.store.rows(HeldRow) == []
    assert scene.tell() == 1
    (row,) = scene.store.rows(RejectionRow)
    assert (row.series_uid, row.because, row.note_uid) == (made.series_uid, "recalled", None)
    assert scene.store.rows(DeliveryRow) == [], "nobody had it, and nobody is told"


def worker(scene: Scene) -> WorkerStage:
    return WorkerStage(
        (scene.database, scene.store.archive),
        None,
        US,
        Retries(3, 60.0),
        lambda: scene.store.now,
        Silence(),
    )


def test_a_job_that_was_planned_at_that_moment_is_refused_when_it_is_claimed(scene):
    begin(scene)
    scene.send(SERIES.datasets())
    judge = scene.rules.judge
    scene.rules.judge = lambda rule, study, there=(): judge(rule, forget(study), there)
    scene.plan()
    assert job_of(scene, SERIES)["state"] == "waiting"
    assert worker(scene).tick(scene.store.now) == 0
    assert is_blocked(job_of(scene, SERIES))


def forget(study):
    return replace(study, recalled={})


def test_a_result_that_ends_at_that_moment_is_not_entered(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job, 2)
    placed = tuple(
        Placed(one.place, one.sha256, one.size, one.identity.sop_instance_uid,
               one.identity.sop_class_uid, one.identity.number)
        for one in made.entries
    )  # fmt: skip
    begin(scene)
    answer = Answer("made", [], made.study_uid, made.series_uid, "CT", placed)
    worker(scene)._end(job, answer)
    assert is_blocked(job_of(scene, SERIES))
    assert scene.store.rows(DeliveryRow) == []
    assert scene.shown(SERIES, made.series_uid) == 0


def test_no_rule_fires_with_it_and_no_request_is_granted(scene):
    recall(scene)
    scene.send(SERIES.datasets())
    scene.plan()
    (rule,) = scene.why(SERIES)["rules"]
    assert (rule["fired"], rule["unmet"][0].split(":")[0]) == (False, "MODEL_RECALLED")
    assert scene.why(SERIES)["jobs"] == []
    store = scene.database, scene.store.files.folder
    requester = Requester(scene.rules, store, scene.current, lambda _rule: Elsewhere())
    request = Request(SERIES.study_uid, scene.task.name, "anna", "command", ("pacs",))
    granted = requester.ask(request, scene.store.now)
    assert (granted.made, granted.reasons[0].code) == (False, Code.MODEL_RECALLED)


def test_another_version_goes_on(scene):
    uid = scene.make(SERIES)
    name, version = scene.model
    for model in ((name, f"{version}.1"), (f"{name}2", version)):
        recall(scene, model)
    scene.send(OTHER.datasets())
    scene.plan()
    assert job_of(scene, OTHER)["state"] == "waiting"
    assert scene.store.rows(RejectionRow) == []
    assert scene.shown(SERIES, uid) == 20


def test_what_was_to_be_made_again_is_found_by_its_key(scene):
    """Its objects were deleted here, so the job waits again, and names no series when it ends."""
    uid = scene.make(SERIES)
    scene.deliver()
    with scene.database.transaction() as session:
        (job,) = JobQueue(session).list()
        JobQueue(session).make_again(job.id, scene.store.now)
    recall(scene)
    assert job_of(scene, SERIES)["series_uids"] == []
    assert [row.series_uid for row in scene.store.rows(RejectionRow)] == [uid]


def test_recalled_twice_the_first_word_stays(scene):
    begin(scene)
    with scene.database.transaction() as session:
        again = Recalls(session).add(scene.model, "B. Late", "other", scene.store.now)
    assert (again.by, again.why) == ("A. Physicist", "shifted by a slice")


def test_a_study_that_is_planned_again_keeps_its_rejection(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    recall(scene)
    scene.tell()
    with scene.database.transaction() as session:
        plan_again(session, SERIES.study_uid)
    scene.plan()
    scene.tell()
    assert len(scene.rejected(SERIES, uid)) == 1
    assert {row.state for row in scene.deliveries(uid).values()} == {"sent"}
