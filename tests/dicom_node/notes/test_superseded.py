"""The acquired series comes late: what was made in its place is taken back, once, everywhere."""

from datetime import timedelta
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.archive import Held
from dicom_node.commitment import Failure, Report
from dicom_node.db import (
    CommitmentRow,
    DeletionRow,
    DeliveryRow,
    HeldRow,
    InstanceRow,
    RejectionRow,
    StudyRow,
)
from dicom_node.errors import NotPossible
from dicom_node.jobs import Ended, JobQueue
from dicom_node.outbox import Outbox, Receipts
from dicom_node.results import series_uid
from dicom_node.retention import Keep, RetentionStage
from dicom_node.values import DeliveryState, JobState, Origin
from tests.dicom_node.notes.scene import KEY_OBJECT, Scene, synthetic
from tests.support.again import plan_again
from tests.support.mr import MrSeries

SERIES = MrSeries()
DAYS_40 = timedelta(days=40)


def notes_at(scene: Scene) -> list:
    """Return what the PACS was given besides images."""
    kept = [parsed(content) for content in scene.pacs.kept.values()]
    return [ds for ds in kept if ds.SOPClassUID == KEY_OBJECT]


def parsed(content: bytes):
    return dcmread(BytesIO(content), force=True)


def test_who_holds_the_synthetic_series_is_sent_a_note_and_why_says_so(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    assert scene.shown(SERIES, uid) == 20
    scene.acquire(SERIES)
    assert scene.tell() == 1
    scene.deliver()
    (note,) = notes_at(scene)
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == uid
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    (one,) = scene.rejected(SERIES, uid)
    assert (one["because"], one["by"], one["told"]) == ("superseded", "1.2.3.4", True)
    assert (one["note_series_uid"], one["note_uid"]) == (
        note.SeriesInstanceUID, note.SOPInstanceUID,
    )  # fmt: skip
    assert {row.state for row in scene.deliveries(note.SeriesInstanceUID).values()} == {"sent"}
    assert len(list((scene.share / note.SeriesInstanceUID).iterdir())) == 1


def test_it_is_out_of_sight_here_and_its_study_weighs_less(scene):
    uid = scene.make(SERIES)
    scene.acquire(SERIES)
    before = scene.store.row(StudyRow).stored_bytes
    scene.tell()
    assert scene.shown(SERIES, uid) == 0
    assert len(scene.store.rows(HeldRow)) == 20
    assert scene.store.row(StudyRow).stored_bytes < before
    (series,) = [one for one in scene.why(SERIES)["series"] if one["series_uid"] == uid]
    assert (series["instances"], series["synthetic"]) == (20, True)


def test_told_once_however_often_the_study_is_planned_and_the_stage_ticks(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    for extra in range(3):
        scene.acquire(SERIES, f"1.2.3.{extra + 4}")
        scene.tell()
        scene.tell()
        scene.deliver()
    assert len(notes_at(scene)) == 1
    assert len(scene.store.rows(RejectionRow)) == 1
    assert len(scene.rejected(SERIES, uid)) == 1
    asked = [one for one in scene.pacs.asked if one == notes_at(scene)[0].SOPInstanceUID]
    assert len(asked) == 1


def test_what_still_waits_does_not_leave_any_more_and_nobody_needs_a_note(scene):
    uid = scene.make(SERIES)
    scene.acquire(SERIES)
    scene.deliver()  # before anybody was told: it is not claimed
    assert scene.pacs.asked == []
    assert scene.tell() == 1
    scene.deliver()
    assert (scene.pacs.asked, scene.share.exists()) == ([], False)
    states = {row.state for row in scene.deliveries(uid).values()}
    assert states == {DeliveryState.FAILED}
    assert "superseded by 1.2.3.4" in scene.deliveries(uid)["pacs"].error
    (one,) = scene.rejected(SERIES, uid)
    assert (one["note_uid"], one["told"]) == (None, True)


def test_only_those_are_told_that_may_hold_it(scene):
    uid = scene.make(SERIES)
    scene.deliver("share")
    scene.acquire(SERIES)
    scene.tell()
    (one,) = scene.rejected(SERIES, uid)
    assert set(scene.deliveries(one["note_series_uid"])) == {"share"}


def test_a_destination_that_broke_off_half_way_is_told_too(scene):
    uid = scene.make(SERIES)
    scene.pacs.answer = lambda event: 0xA700 if len(scene.pacs.kept) >= 5 else 0
    scene.deliver("pacs")
    assert scene.deliveries(uid)["pacs"].state == DeliveryState.WAITING
    scene.pacs.answer = lambda _event: 0
    scene.acquire(SERIES)
    scene.tell()
    scene.store.now += timedelta(hours=1)
    scene.deliver("pacs")
    assert len(scene.pacs.kept) == 5 + 1
    assert len(notes_at(scene)) == 1


def test_what_is_on_an_association_stops_and_the_note_comes_after_it(scene):
    uid = scene.make(SERIES)
    ticks = []

    def meanwhile(_event) -> int:
        if len(scene.pacs.asked) == 3:
            scene.acquire(SERIES)
            ticks.append(scene.tell())
        return 0

    scene.pacs.answer = meanwhile
    scene.deliver("pacs")
    assert ticks == [0], "it is not ended while an association is open"
    assert notes_at(scene) == []
    assert scene.deliveries(uid)["pacs"].state == DeliveryState.WAITING
    sent = len(scene.pacs.kept)
    assert sent == 16, "what is kept every 16 instances looks whether the rest is wanted"
    assert scene.tell() == 1
    scene.deliver("pacs")
    assert len(scene.pacs.kept) == sent + 1
    assert len(notes_at(scene)) == 1
    assert scene.deliveries(uid)["pacs"].state == DeliveryState.FAILED


def test_a_synthetic_series_supersedes_nothing_whatever_it_is_called(scene):
    uid = scene.make(SERIES)
    own = synthetic(SERIES, "1.2.3.9")
    for ds in own:  # all marks but one are lost
        ds.SeriesDescription, ds.SyntheticData = "CT head", ""
        ds.InstanceCreatorUID = "2.25.9"
    scene.send(own)
    foreign = synthetic(SERIES, "1.2.3.10")
    for ds in foreign:
        ds.SeriesDescription = "CT head"
    scene.send(foreign)
    scene.plan()
    assert scene.store.rows(RejectionRow) == []
    assert scene.tell() == 0
    assert scene.shown(SERIES, uid) == 20


def test_an_acquired_series_of_another_label_supersedes_nothing(scene):
    scene.make(SERIES)
    other = MrSeries(seed=SERIES.seed, plane="sagittal")
    scene.send(other.datasets())
    scene.plan()
    assert scene.store.rows(RejectionRow) == []


def test_a_job_that_runs_or_is_held_is_voided_and_leaves_nothing(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job)
    with scene.database.transaction() as session:
        JobQueue(session).finish(job, Ended(JobState.HELD, (), (made.series_uid,)))
        scene.store.archive.hold(session, job.id, made)
    scene.acquire(SERIES)
    assert scene.store.rows(HeldRow) == []
    (told,) = scene.why(SERIES)["jobs"]
    assert (told["state"], told["reasons"][0]["code"]) == ("cancelled", "SUPERSEDED")
    assert scene.store.rows(DeliveryRow) == []


def test_what_was_made_at_the_moment_of_the_plan_is_superseded_too(scene, monkeypatch):
    """The job ends after the headers were read, before it would have been cancelled."""
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job)
    understand = scene.rules.understand

    def and_meanwhile(session, study_uid):
        found = understand(session, study_uid)
        scene.finish(job, made)
        return found

    monkeypatch.setattr(scene.rules, "understand", and_meanwhile)
    scene.acquire(SERIES)
    assert [row.series_uid for row in scene.store.rows(RejectionRow)] == [made.series_uid]


def test_nobody_is_asked_whether_he_has_it_and_it_is_not_sent_again(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    scene.acquire(SERIES)
    scene.tell()
    scene.deliver()
    with scene.database.transaction() as session:
        receipts = Receipts(session, scene.store.files.folder, 3)
        receipts.ask_anew(["pacs", "share"], scene.store.now)
    with scene.database.reading() as session:
        receipts = Receipts(session, scene.store.files.folder, 3)
        assert receipts.due("pacs", scene.store.now + DAYS_40) is None
    assert {row.state for row in scene.deliveries(uid).values()} == {DeliveryState.SENT}


def test_a_report_that_it_is_not_there_any_more_sends_nothing_again(scene):
    """The archive has applied the note, and then answers a request of before."""
    uid = scene.make(SERIES)
    scene.deliver()
    row = scene.deliveries(uid)["pacs"]
    with scene.database.transaction() as session:
        session.add(CommitmentRow(transaction_uid="1.2.5", delivery_id=row.id, state="asked",
                                  asked_at=scene.store.now))  # fmt: skip
    scene.acquire(SERIES)
    scene.tell()
    lost = {f"{uid}.{z}": int(Failure.NO_SUCH_INSTANCE) for z in range(20)}
    with scene.database.transaction() as session:
        receipts = Receipts(session, scene.store.files.folder, 3)
        report = Report(transaction_uid="1.2.5", held=(), failed=lost)
        receipts.reported(report, ["pacs"], scene.store.now)
    assert scene.deliveries(uid)["pacs"].state == DeliveryState.SENT


def test_it_is_not_made_again_nor_sent_again_by_hand(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    scene.acquire(SERIES)
    scene.tell()
    scene.deliver()
    with pytest.raises(NotPossible, match="only a job without result"):
        retry(scene)
    forget(scene)
    with pytest.raises(NotPossible, match="what it made is rejected"):
        retry(scene)
    assert scene.outbox(Outbox.series_made, SERIES.study_uid) == []
    assert scene.outbox(Outbox.lacking, uid, ["new"]) == []
    assert scene.outbox(Outbox.resend, SERIES.study_uid, "pacs", scene.store.now) == 1
    scene.pacs.asked.clear()
    scene.deliver("pacs")
    assert scene.pacs.asked == [notes_at(scene)[0].SOPInstanceUID]


def retry(scene: Scene) -> None:
    with scene.database.transaction() as session:
        (job,) = JobQueue(session).list()
        JobQueue(session).retry(job.id, scene.store.now)


def forget(scene: Scene) -> None:
    """Have something of the study deleted, as retention does."""
    with scene.database.transaction() as session:
        session.add(DeletionRow(study_uid=SERIES.study_uid, what="made", rule="r",
                                deleted_at=scene.store.now, instances=1))  # fmt: skip


def test_its_study_goes_once_everybody_was_told_and_not_before(scene):
    scene.make(SERIES)
    scene.deliver()
    scene.acquire(SERIES)
    keep = Keep(received_days=30, made_days=30, delivered="receipted")
    stage = RetentionStage(scene.database, scene.store.files.folder, keep)
    assert stage.tick(scene.store.now + DAYS_40) == 0, "the note is not queued"
    scene.tell()
    assert stage.tick(scene.store.now + DAYS_40) == 0, "the note is not sent"
    scene.deliver()
    assert stage.tick(scene.store.now + DAYS_40) == 1
    assert (scene.store.rows(InstanceRow), scene.store.rows(HeldRow)) == ([], [])


def test_without_anything_of_the_patient_here_it_says_so_and_goes_on_when_that_comes(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    with scene.database.transaction() as session:
        for row in session.query(InstanceRow):
            session.delete(row)
    scene.reject(SERIES, uid)
    assert scene.tell() == 0
    (one,) = scene.rejected(SERIES, uid)
    assert "send any image of it again" in one["error"]
    scene.send(SERIES.datasets()[:1])
    scene.store.now += timedelta(minutes=2)
    assert scene.tell() == 1
    scene.deliver()
    (note,) = notes_at(scene)
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 20


def test_superseded_and_recalled_later_it_is_told_twice_by_two_titles(scene):
    uid = scene.make(SERIES)
    scene.deliver()
    scene.acquire(SERIES)
    scene.tell()
    scene.reject(SERIES, uid)
    assert scene.tell() == 1
    scene.deliver()
    titles = {note.ConceptNameCodeSequence[0].CodeValue for note in notes_at(scene)}
    assert titles == {"113001", "113037"}


def test_what_somebody_sends_here_under_its_uids_stays_theirs_and_is_shown_to_nobody(scene):
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    uid = series_uid(job.key, "CT")
    scene.finish(job, scene.placed(SERIES, job))
    scene.acquire(SERIES)
    scene.tell()
    scene.send(synthetic(SERIES, uid)[:3])
    rows = [row for row in scene.store.rows(InstanceRow) if row.series_uid == uid]
    assert {row.origin for row in rows} == {Origin.RECEIVED}
    scene.plan()
    with scene.database.transaction() as session:
        assert Held(session).set_aside(uid, job.id, "CT") == 0
        plan_again(session, SERIES.study_uid)
    scene.plan()
    assert (scene.shown(SERIES, uid), len(rows)) == (0, 3)
