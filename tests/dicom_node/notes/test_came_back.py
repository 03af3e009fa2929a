"""What was made here and somebody sends back is known, and stands as what was made does."""

from datetime import timedelta

import pytest

from dicom_node.app import explain_study
from dicom_node.app.decide import reject_held, release_held
from dicom_node.archive import Received, Studies
from dicom_node.archive.query import Finder, Level, Query
from dicom_node.association.retrieve.vetting import VettingRetriever
from dicom_node.db import ConflictRow, InstanceRow, RejectionRow
from dicom_node.errors import ArchiveBroken, NotPossible
from dicom_node.jobs import JobQueue
from dicom_node.models import Evidence, Signings
from dicom_node.rejections import Because
from dicom_node.retention import Keep, RetentionStage
from dicom_node.settings import Peer
from dicom_node.values import Model, Origin
from tests.dicom_node.notes.scene import NODE_UID, SYNTAX, Scene, ct, stripped, synthetic
from tests.dicom_node.notes.test_marked import come_late, come_more, notes, rejected_by, said
from tests.dicom_node.notes.test_recalled import begin, recall
from tests.support.mr import MrSeries, encoded

SERIES = MrSeries(seed="marked", slices=18, size=32, spacing_mm=6.0)
BY = ("A. Physicist", "seen")
WAITS = "it was made here and waits for a person, or waited and was never released"


def back(scene: Scene, uid: str, *, marks: bool = True) -> None:
    """Have a PACS send a series here that has this UID; without the marks it looks acquired."""
    found = synthetic(SERIES, uid, 2) if marks else ct(SERIES, uid, 2)
    for ds in found:
        ds.StationName = "CAME BACK"  # as it came, byte for byte, is the easier case
        content = Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED)
        scene.archive.keep(content)


def here(scene: Scene, uid: str) -> list:
    return [row for row in scene.store.rows(InstanceRow) if row.series_uid == uid]


def barred(scene: Scene, uid: str, use: str = "research") -> set[str]:
    """Return why a station is not sent the series; empty where it is."""
    folder = scene.store.files.folder
    with scene.database.reading() as session:
        found = Studies(session, folder).instances(
            [row.sop_instance_uid for row in here(scene, uid)]
        )
    station = Peer(name="station", ae_title="STATION", host="127.0.0.1", use=use)
    return set(VettingRetriever(scene.database, folder).barred(found, station).values())


def forget(scene: Scene) -> None:
    """Have retention delete what was made here."""
    scene.store.now += timedelta(days=40)
    keep = Keep(made_days=30, delivered="best", unable=frozenset({"pacs", "share"}))
    assert RetentionStage(scene.database, scene.store.files.folder, keep).tick(scene.store.now) == 1


def sign(scene: Scene) -> None:
    identity = scene.task.bundle.identity
    model = Model(identity.name, identity.version, identity.digest)
    with scene.database.transaction() as session:
        Signings(session).sign(model, "station", "anna", Evidence("", ""), scene.store.now)


def deleted(scene: Scene) -> str:
    """Return a series that was made, delivered everywhere, and deleted here."""
    uid = scene.make(SERIES, 2)
    scene.deliver()
    forget(scene)
    assert here(scene, uid) == []
    return uid


@pytest.mark.parametrize("marks", [True, False])
def test_deleted_here_and_sent_back_it_needs_the_signature_that_it_needed(scene, marks):
    uid = deleted(scene)
    back(scene, uid, marks=marks)
    assert {row.origin for row in here(scene, uid)} == {Origin.RECEIVED}
    (why,) = barred(scene, uid, "clinical")
    assert why.startswith("MODEL_UNSIGNED: station is for clinical use")
    assert (scene.shown(SERIES, uid), barred(scene, uid)) == (2, set())
    sign(scene)
    assert barred(scene, uid, "clinical") == set()


def test_sent_back_in_another_study_it_is_known_too(scene):
    uid = deleted(scene)
    for ds in ct(SERIES, uid, 2):  # without its marks
        ds.StudyInstanceUID = "1.2.3.9"
        scene.archive.keep(Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED))
    assert {row.study_uid for row in here(scene, uid)} == {"1.2.3.9"}
    assert len(barred(scene, uid, "clinical")) == 1
    scene.plan()
    (series,) = explain_study(scene.database, "1.2.3.9")["series"]
    assert series["synthetic"], "it counts as no acquired CT of that study"
    begin(scene)
    (why,) = barred(scene, uid)
    assert why.startswith("MODEL_RECALLED")


def test_under_other_uids_it_is_known_by_its_marks_and_no_clinical_peer_is_sent_it(scene):
    deleted(scene)
    for ds in synthetic(SERIES, "1.2.3.8", 2):
        ds.InstanceCreatorUID = NODE_UID
        scene.archive.keep(Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED))
    scene.plan()
    (why,) = barred(scene, "1.2.3.8", "clinical")
    assert why.startswith("MODEL_UNSIGNED: nobody can say which model made series 1.2.3.8")
    assert barred(scene, "1.2.3.8") == set()


def test_a_synthetic_series_of_another_maker_is_no_business_of_ours(scene):
    deleted(scene)
    scene.send(synthetic(SERIES, "1.2.3.8", 2))
    scene.plan()
    assert barred(scene, "1.2.3.8", "clinical") == set()


def test_what_was_acquired_needs_no_signature(scene):
    deleted(scene)
    assert barred(scene, SERIES.series_uid, "clinical") == set()


@pytest.mark.parametrize("marks", [True, False])
def test_without_its_marks_it_is_no_acquired_series_that_takes_its_own_place(scene, marks):
    uid = deleted(scene)
    back(scene, uid, marks=marks)
    scene.plan()
    (series,) = [one for one in scene.why(SERIES)["series"] if one["series_uid"] == uid]
    assert series["synthetic"]
    assert "SYNTHETIC" in [reason["code"] for reason in series["reasons"]]
    assert scene.store.rows(RejectionRow) == []
    assert len(scene.why(SERIES)["jobs"]) == 1


@pytest.mark.parametrize("how", [recall, come_late])
def test_rejected_and_sent_back_nobody_is_shown_it(scene, how):
    uid = scene.make(SERIES, 2)
    scene.deliver()
    how(scene)
    scene.tell()
    back(scene, uid)
    assert len(here(scene, uid)) == 2
    assert scene.shown(SERIES, uid) == 0
    (why,) = barred(scene, uid)
    assert why.startswith(("it is superseded", "MODEL_RECALLED"))


def test_deleted_recalled_and_sent_back_nobody_is_handed_it_even_before_its_job_is_looked_at(scene):
    uid = deleted(scene)
    back(scene, uid)
    begin(scene)
    (why,) = barred(scene, uid)
    assert why.startswith("MODEL_RECALLED")


def give_up(scene: Scene, job, how: str) -> None:
    """End the wait without a release."""
    if how == "rejected":
        reject_held(scene, job.id, BY, scene.store.now, said)
    elif how == "recalled":
        recall(scene)
    else:
        come_more(scene)


@pytest.mark.parametrize("how", ["rejected", "recalled", "outgrown"])
@pytest.mark.parametrize("first", [True, False], ids=["sent before", "sent after"])
def test_what_waited_and_was_given_up_is_shown_to_nobody_when_it_is_sent_back(scene, how, first):
    """A person had its files, to look at them."""
    job, result, copy = scene.hold(SERIES)
    uids = result, copy
    for uid in uids if first else ():
        back(scene, uid, marks=False)
    give_up(scene, job, how)
    scene.tell()
    for uid in uids if not first else ():
        back(scene, uid, marks=False)
    scene.plan()
    for uid in uids:
        assert (len(here(scene, uid)), scene.shown(SERIES, uid)) == (2, 0), uid
        assert len(barred(scene, uid)) == 1
    series = {one["series_uid"]: one for one in scene.why(SERIES)["series"]}
    assert all(series[uid]["synthetic"] for uid in uids), "none counts as an acquired CT"
    assert "superseded" not in [row.because for row in scene.store.rows(RejectionRow)]
    finder = Finder(scene.database, scene.store.files.folder)
    assert len(finder.keys(Query(Level.STUDY, (), ()))) == 1


def test_a_study_of_which_only_that_is_here_is_not_shown(scene):
    job, result, _ = scene.hold(SERIES)
    give_up(scene, job, "rejected")
    scene.tell()
    scene.store.now += timedelta(days=40)
    keep = Keep(received_days=30, made_days=30)
    RetentionStage(scene.database, scene.store.files.folder, keep).tick(scene.store.now)
    back(scene, result)
    assert {row.series_uid for row in scene.store.rows(InstanceRow)} == {result}
    finder = Finder(scene.database, scene.store.files.folder)
    assert finder.keys(Query(Level.STUDY, (), ())) == []


def test_while_it_waits_it_is_handed_to_nobody_who_knows_its_uids(scene):
    _, result, copy = scene.hold(SERIES)
    for uid in (result, copy):
        back(scene, uid)
        assert barred(scene, uid) == {WAITS}


def test_rejected_made_again_and_released_it_is_like_any_other(scene):
    job, result, _ = scene.hold(SERIES)
    reject_held(scene, job.id, BY, scene.store.now, said)
    assert [row.because for row in scene.store.rows(RejectionRow)
            if row.series_uid == result] == [Because.REFUSED]  # fmt: skip
    scene.tell()
    with scene.database.transaction() as session:
        JobQueue(session).retry(job.id, scene.store.now)
    scene.wait(SERIES, scene.claim())
    assert [row for row in scene.store.rows(RejectionRow) if row.series_uid == result] == []
    release_held(scene, job.id, BY, scene.store.now, said)
    scene.deliver()
    assert {row.state for row in scene.deliveries(result).values()} == {"sent"}
    assert (scene.shown(SERIES, result), barred(scene, result)) == (2, set())


def made_again(scene: Scene):
    """Delete what was delivered, and have it made again; return its job, which waits."""
    uid = deleted(scene)
    with scene.database.transaction() as session:
        (job,) = JobQueue(session).list()
        JobQueue(session).make_again(job.id, scene.store.now)
    return uid, scene.claim()


@pytest.mark.parametrize("how", ["rejected", "outgrown"])
def test_given_up_after_it_was_delivered_once_whoever_has_it_is_told(scene, how):
    """Deleted here and made again it came out otherwise, and was held."""
    uid, job = made_again(scene)
    scene.wait(SERIES, job)
    give_up(scene, job, how)
    scene.tell()
    scene.deliver()
    (row,) = [one for one in scene.store.rows(RejectionRow) if one.series_uid == uid]
    assert (row.because, row.ended_at is not None) == (Because.REFUSED, True)
    noted = {name for name, one in scene.deliveries(row.note_series_uid).items()}
    assert noted == {"pacs", "share"}
    assert uid in [rejected_by(note) for note in notes(scene)]
    with (
        scene.database.transaction() as session,
        pytest.raises(NotPossible, match=r"is rejected|no rule and no request"),
    ):
        JobQueue(session).retry(job.id, scene.store.now)


def test_rejected_it_is_not_superseded_too(scene):
    job, result, _ = scene.hold(SERIES)
    reject_held(scene, job.id, BY, scene.store.now, said)
    come_late(scene)
    assert [row.because for row in scene.store.rows(RejectionRow)
            if row.series_uid == result] == [Because.REFUSED]  # fmt: skip


def test_rejected_and_made_again_where_nothing_is_held_any_more_it_is_sent(scene):
    job, result, _ = scene.hold(SERIES)
    reject_held(scene, job.id, BY, scene.store.now, said)
    scene.tell()
    with scene.database.transaction() as session:
        JobQueue(session).retry(job.id, scene.store.now)
    job = scene.claim()
    scene.finish(job, scene.placed(SERIES, job, 2))
    scene.deliver()
    assert {row.state for row in scene.deliveries(result).values()} == {"sent"}
    assert (scene.shown(SERIES, result), barred(scene, result)) == (2, set())


def test_sent_back_otherwise_and_made_again_it_makes_way(scene):
    """A PACS corrected a name; what is sent on is what was made."""
    uid, job = made_again(scene)
    back(scene, uid)
    scene.finish(job, scene.placed(SERIES, job, 2))
    assert {row.origin for row in here(scene, uid)} == {Origin.MADE}
    assert len([row for row in scene.store.rows(ConflictRow) if row.series_uid == uid]) == 2


def test_what_was_made_under_its_uids_makes_no_way(scene):
    uid, job = made_again(scene)
    scene.finish(job, scene.placed(SERIES, job, 2))
    entries = tuple(
        scene.archive.place(Received(encoded(ds), SYNTAX, "NODE", Origin.MADE))
        for ds in ct(SERIES, uid, 2)
    )
    with (
        pytest.raises(ArchiveBroken, match="2 of 2 objects made here are taken by other content"),
        scene.database.transaction() as session,
    ):
        scene.archive.enter(session, entries)


@pytest.mark.parametrize("mark", ["PatientName", "PatientID", "PatientBirthDate"])
def test_sent_back_under_a_corrected_patient_it_gives_nothing_up(scene, mark):
    job, result, _ = scene.hold(SERIES)
    for ds in synthetic(SERIES, result, 2):
        setattr(ds, mark, "19710102" if mark == "PatientBirthDate" else "Corrected^Name")
        scene.archive.keep(Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED))
    scene.plan()
    (told,) = scene.why(SERIES)["jobs"]
    assert (told["id"], told["state"]) == (job.id, "held")
    assert scene.store.rows(RejectionRow) == []


def test_sent_back_as_it_was_and_made_again_it_is_the_nodes_own(scene):
    uid = scene.make(SERIES, 2)
    scene.deliver()
    forget(scene)
    for ds in synthetic(SERIES, uid, 2):
        scene.archive.keep(Received(encoded(ds), SYNTAX, "PACS", Origin.RECEIVED))
    with scene.database.transaction() as session:
        (job,) = JobQueue(session).list()
        JobQueue(session).make_again(job.id, scene.store.now)
    assert {row.origin for row in here(scene, uid)} == {Origin.RECEIVED}
    job = scene.claim()
    scene.finish(job, scene.placed(SERIES, job, 2))
    assert {row.origin for row in here(scene, uid)} == {Origin.MADE}


@pytest.mark.parametrize("forgotten", [False, True])
def test_without_any_mark_and_under_new_names_it_is_known_by_what_it_shows(scene, forgotten):
    uid = deleted(scene) if forgotten else scene.make(SERIES, 2)
    scene.send(stripped(SERIES, "1.2.3.4", 2))
    scene.plan()
    assert scene.store.rows(RejectionRow) == []
    (copy,) = [one for one in scene.why(SERIES)["series"] if one["series_uid"] == "1.2.3.4"]
    assert copy["synthetic"]
    assert any("it shows what this node made" in one["text"] for one in copy["reasons"])
    scene.acquire(SERIES, "1.2.3.5")  # and what was acquired is still told from it
    (late,) = scene.store.rows(RejectionRow)
    assert (late.series_uid, late.because) == (uid, Because.SUPERSEDED)


@pytest.mark.parametrize("decide", ["nobody yet", "rejected"])
def test_what_was_held_and_never_left_is_known_by_what_it_shows(scene, decide):
    job, _, _ = scene.hold(SERIES)
    if decide == "rejected":
        reject_held(scene, job.id, BY, scene.store.now, said)
    scene.send(stripped(SERIES, "1.2.3.4", 2))
    scene.plan()
    (copy,) = [one for one in scene.why(SERIES)["series"] if one["series_uid"] == "1.2.3.4"]
    assert copy["synthetic"]
    assert [
        row for row in scene.store.rows(RejectionRow) if row.because == Because.SUPERSEDED
    ] == []
