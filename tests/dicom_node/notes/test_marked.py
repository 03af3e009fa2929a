"""What waits for a person goes to research alone, marked, and is taken back once that has decided.

The PACS stands for the research archive here, and takes marked copies; the share is for clinical
use, and the model is signed for it.
"""

from functools import partial
from io import BytesIO

import pytest
from pydicom import dcmread

from dicom_node.app.decide import reject_held, release_held
from dicom_node.app.why_peers import waiting
from dicom_node.archive import Archive, Files, Held, Space, Studies
from dicom_node.archive.query import Finder, Level, Query
from dicom_node.db import Database, DoomedRow, HeldRow, InstanceRow
from dicom_node.jobs import JobQueue
from dicom_node.models import Evidence, Signings
from dicom_node.notes import carry_out
from dicom_node.outbox import Outbox
from dicom_node.rejections import Recalls
from dicom_node.values import DeliveryState, Job, JobState, Model, Origin, Role
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.notes.scene import KEY_OBJECT, Scene, notes_stage, synthetic
from tests.dicom_node.notes.test_killed import hand_over
from tests.support.killed import killed_at
from tests.support.mr import MrSeries

SERIES = MrSeries(seed="marked", slices=18, size=32, spacing_mm=6.0)
BY = ("A. Physicist", "looks right")
MANY = 200


@pytest.fixture
def store(long_database_url, tmp_path, now):
    database = Database(long_database_url, tmp_path)
    database.prepare()
    yield Store.on(database, tmp_path / "archive", now)
    database.close()


@pytest.fixture
def scene(store, task):
    opened = Scene(store, task)
    opened.marked, opened.clinical = frozenset({"pacs"}), frozenset({"share"})
    identity = task.bundle.identity
    with opened.database.transaction() as session:
        model = Model(identity.name, identity.version, identity.digest)
        Signings(session).sign(model, "share", "anna", Evidence("", ""), store.now)
    opened.pacs.start()
    yield opened
    opened.pacs.stop()


def said(_job: Job) -> None:
    """Tell nobody."""


def release(scene, job: Job) -> None:
    release_held(scene, job.id, BY, scene.store.now, said)


def reject(scene, job: Job) -> None:
    reject_held(scene, job.id, ("A. Physicist", "blurred"), scene.store.now, said)


def series_at_pacs(scene: Scene) -> dict[str, str]:
    """Return the series that the PACS was sent, and the class of its objects."""
    kept = (dcmread(BytesIO(one), force=True) for one in scene.pacs.kept.values())
    return {str(ds.SeriesInstanceUID): str(ds.SOPClassUID) for ds in kept}


def notes(scene: Scene) -> list:
    kept = [dcmread(BytesIO(one), force=True) for one in scene.pacs.kept.values()]
    return [ds for ds in kept if ds.SOPClassUID == KEY_OBJECT]


def rejected_by(note) -> str:
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    return str(series.SeriesInstanceUID)


def at_share(scene: Scene) -> set[str]:
    return {one.name for one in scene.share.iterdir()} if scene.share.is_dir() else set()


def copies_here(scene: Scene) -> list:
    return [row for row in scene.store.rows(HeldRow) if row.role == Role.MARKED]


def test_while_it_waits_who_takes_it_has_the_copy_and_nobody_has_the_result(scene):
    job, result, copy = scene.hold(SERIES)
    scene.deliver()
    assert set(series_at_pacs(scene)) == {copy}
    assert at_share(scene) == set()
    assert (scene.shown(SERIES, result), scene.shown(SERIES, copy)) == (0, 0)
    finder = Finder(scene.database, scene.store.files.folder)
    shown = [key[1] for key in finder.keys(Query(Level.SERIES, (), ()))]
    assert shown == [SERIES.series_uid]
    (told,) = scene.why(SERIES)["jobs"]
    assert (told["state"], told["marked"], told["series_uids"]) == ("held", copy, [result])
    (delivery,) = scene.why(SERIES)["deliveries"]
    assert (delivery["destination"], delivery["copy"]) == ("pacs", "marked")
    with scene.database.reading() as session:
        assert waiting(session) == {
            job.id: {"series_uid": copy, "deliveries": {"pacs": DeliveryState.SENT}}
        }
        assert {one.identity.series_uid for one in Held(session).of_job(job.id).entries} == {result}


def test_released_the_result_goes_everywhere_and_who_has_the_copy_is_told_to_forget_it(scene):
    job, result, copy = scene.hold(SERIES)
    scene.deliver()
    release(scene, job)
    scene.deliver()
    assert scene.tell() == 1
    scene.deliver()
    (note,) = notes(scene)
    assert rejected_by(note) == copy
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert f"released, as series {result}" in note.ContentSequence[2].TextValue
    assert set(series_at_pacs(scene)) == {result, copy, note.SeriesInstanceUID}
    assert at_share(scene) == {result}
    assert (scene.shown(SERIES, result), scene.shown(SERIES, copy)) == (2, 0)
    assert copies_here(scene) == []
    assert len(scene.store.rows(DoomedRow)) == 2
    (one,) = scene.rejected(SERIES, copy)
    assert (one["because"], one["by"], one["told"]) == ("withdrawn", "A. Physicist", True)
    went = {(one["destination"], one["copy"]) for one in scene.why(SERIES)["deliveries"]}
    assert went == {("pacs", "marked"), ("pacs", "result"), ("share", "result"), ("pacs", "note")}
    with scene.database.reading() as session:
        assert waiting(session) == {}
    scene.acquire(SERIES)  # what is withdrawn need not be superseded
    assert [one["because"] for one in scene.rejected(SERIES, copy)] == ["withdrawn"]
    assert [one["because"] for one in scene.rejected(SERIES, result)] == ["superseded"]


def test_rejected_the_copy_is_taken_back_and_nothing_else_ever_leaves(scene):
    job, result, copy = scene.hold(SERIES)
    scene.deliver()
    reject(scene, job)
    scene.tell()
    scene.deliver()
    (note,) = notes(scene)
    assert (rejected_by(note), at_share(scene)) == (copy, set())
    assert "was rejected: blurred" in note.ContentSequence[2].TextValue
    assert result not in series_at_pacs(scene)
    assert scene.store.rows(HeldRow) == []

    with scene.database.transaction() as session:  # made again, it is held again, and not sent
        JobQueue(session).retry(job.id, scene.store.now)
    _, again, _ = scene.wait(SERIES, scene.claim())
    assert again == result
    assert (copies_here(scene), scene.deliveries(copy)["pacs"].state) == ([], "sent")
    scene.pacs.asked.clear()
    scene.deliver()
    assert scene.pacs.asked == []


def test_decided_before_it_was_sent_it_never_leaves_and_there_is_nothing_to_tell(scene):
    job, result, copy = scene.hold(SERIES)
    release(scene, job)
    scene.deliver()
    assert scene.tell() == 1
    scene.deliver()
    assert set(series_at_pacs(scene)) == {result}
    assert copies_here(scene) == []
    assert scene.deliveries(copy)["pacs"].state == DeliveryState.FAILED


def test_who_takes_none_any_more_or_is_asked_for_by_hand_gets_none(scene):
    _, _, copy = scene.hold(SERIES)
    scene.marked = scene.clinical = frozenset()
    scene.deliver()
    row = scene.deliveries(copy)["pacs"]
    assert (row.state, series_at_pacs(scene)) == (DeliveryState.FAILED, {})
    assert row.error.startswith("pacs gets no marked copies of what waits for a person")
    assert scene.outbox(Outbox.series_made, SERIES.study_uid) == []
    assert scene.outbox(Outbox.resend, SERIES.study_uid, "share", scene.store.now) == 0
    study = SERIES.study_uid
    assert scene.outbox(Outbox.add, study, copy, ["share"], scene.store.now) == 0
    scene.outbox(Outbox.add, study, copy, ["share"], scene.store.now, Role.MARKED)  # by a mistake
    scene.deliver()
    assert (scene.deliveries(copy)["share"].state, at_share(scene)) == ("failed", set())
    scene.marked = frozenset({"pacs"})
    assert scene.outbox(Outbox.resend, study, "pacs", scene.store.now) == 1
    scene.deliver()
    assert set(series_at_pacs(scene)) == {copy}


def test_sent_back_here_it_is_input_to_nothing_and_what_was_made_is_what_is_sent(scene):
    job, _, copy = scene.hold(SERIES)
    back = synthetic(SERIES, copy, 2)
    for ds in back:
        for word in ("SyntheticData", "SeriesDescription"):
            delattr(ds, word)
        ds.SeriesDescription = f"HELD - NOT RELEASED: sCT (SYNTHETIC, RESEARCH) of {ds.Modality}"
    scene.send(back)
    scene.plan()
    (told,) = scene.why(SERIES)["jobs"]
    assert (told["id"], told["state"]) == (job.id, "held"), "it counts as no acquired CT"
    scene.deliver()
    assert set(series_at_pacs(scene)) == {copy}
    assert len(copies_here(scene)) == 2
    rows = [row for row in scene.store.rows(InstanceRow) if row.series_uid == copy]
    assert {row.origin for row in rows} == {Origin.RECEIVED}


def test_what_refers_to_a_copy_is_known_for_the_nodes_own(scene):
    _, _, copy = scene.hold(SERIES)
    with scene.database.reading() as session:
        assert copy in Studies(session, scene.store.files.folder).made(SERIES.study_uid)


def recall(scene: Scene) -> None:
    with scene.database.transaction() as session:
        one = Recalls(session).add(scene.model, "A. Physicist", "shifted", scene.store.now)
    carry_out((scene.database, scene.store.files.folder), one, scene.store.now)


def come_late(scene: Scene) -> None:
    scene.acquire(SERIES)


def come_more(scene: Scene) -> None:
    more = MrSeries(seed="marked", slices=19, size=32, spacing_mm=6.0).datasets()[18:]
    for ds in more:
        ds.StudyInstanceUID, ds.SeriesInstanceUID = SERIES.study_uid, SERIES.series_uid
    scene.send(more)
    scene.plan()


@pytest.mark.parametrize(
    ("act", "because", "state", "ended"),
    [
        (recall, "recalled", JobState.REFUSED, 2),  # the result, too, which nobody has
        (come_late, "withdrawn", JobState.CANCELLED, 1),
        (come_more, "withdrawn", JobState.CANCELLED, 1),
    ],
)
def test_whatever_else_ends_the_wait_takes_the_copy_back_by_one_note(
    scene, act, because, state, ended
):
    job, _, copy = scene.hold(SERIES)
    scene.deliver()
    act(scene)
    first = min(scene.why(SERIES)["jobs"], key=lambda one: one["id"])
    assert (first["id"], first["state"]) == (job.id, state)
    assert scene.tell() == ended
    scene.deliver()
    assert [rejected_by(note) for note in notes(scene)] == [copy]
    assert [one["because"] for one in scene.rejected(SERIES, copy)] == [because]
    assert scene.store.rows(HeldRow) == []


def test_released_and_recalled_later_both_are_noted(scene):
    job, result, copy = scene.hold(SERIES)
    scene.deliver()
    release(scene, job)
    scene.tell()
    scene.deliver()
    recall(scene)
    scene.tell()
    scene.deliver()
    told = {(rejected_by(one), one.ConceptNameCodeSequence[0].CodeValue) for one in notes(scene)}
    assert told == {(copy, "113001"), (copy, "113037"), (result, "113037")}


def act_elsewhere(url: str, folder, job_id: int, how, now) -> None:
    """Decide and tell in another process, with connections of its own."""
    database = Database(url, folder.parent)
    archive = Archive(database, Files(folder), Space(folder, 0), lambda: now)
    store = Store(database, archive, Files(folder), now)
    how(store, job_id, ("A. Physicist", "seen"), now, said)
    notes_stage(store).tick(now)
    database.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", [release_held, reject_held])
def test_killed_at_every_step_of_a_decision_nobody_has_two_and_nobody_is_missed(store, task, how):
    scene = Scene(store, task)  # nobody listens: this process is forked
    scene.marked = frozenset({"pacs"})
    url = scene.database._engine.url.render_as_string(hide_password=False)
    folder = scene.store.files.folder
    for step in range(1, MANY):
        series = MrSeries(seed=f"decided {step}", slices=18, size=32, spacing_mm=6.0)
        job, result, copy = scene.hold(series)
        hand_over(scene, copy)
        work = partial(act_elsewhere, url, folder, job.id, how, scene.store.now)
        killed = killed_at(step, work)
        (told,) = scene.why(series)["jobs"]
        if told["state"] == "held":
            how(scene, job.id, ("A. Physicist", "seen"), scene.store.now, said)
        scene.tell()
        (one,) = scene.rejected(series, copy)
        assert one["told"], f"killed at step {step}"
        assert list(scene.deliveries(one["note_series_uid"])) == ["pacs"], f"step {step}"
        there = {row.series_uid for row in store.rows(InstanceRow)
                 if row.study_uid == series.study_uid}  # fmt: skip
        released = {result} if how is release_held else set()
        assert there == {series.series_uid, one["note_series_uid"], *released}, f"step {step}"
        assert [row for row in store.rows(HeldRow) if row.study_uid == series.study_uid] == []
        if not killed:
            break
    assert 15 < step < MANY - 1


def hold_elsewhere(url: str, folder, task, now, series: MrSeries, job: Job) -> None:
    """End a job, held, in another process."""
    database = Database(url, folder.parent)
    archive = Archive(database, Files(folder), Space(folder, 0), lambda: now)
    scene = Scene(Store(database, archive, Files(folder), now), task)
    scene.marked = frozenset({"pacs"})
    scene.wait(series, job)
    database.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_every_step_of_holding_there_is_one_copy_and_one_delivery(store, task):
    scene = Scene(store, task)
    scene.marked = frozenset({"pacs"})
    url = scene.database._engine.url.render_as_string(hide_password=False)
    folder, now = scene.store.files.folder, scene.store.now
    for step in range(1, MANY):
        series = MrSeries(seed=f"held {step}", slices=18, size=32, spacing_mm=6.0)
        scene.send(series.datasets())
        scene.plan()
        job = scene.claim()
        killed = killed_at(step, partial(hold_elsewhere, url, folder, task, now, series, job))
        (told,) = scene.why(series)["jobs"]
        if told["state"] != "held":
            scene.wait(series, job)
        (told,) = scene.why(series)["jobs"]
        (delivery,) = scene.why(series)["deliveries"]
        assert (told["state"], delivery["copy"], delivery["total"]) == ("held", "marked", 2), step
        rows = [row for row in store.rows(HeldRow) if row.study_uid == series.study_uid]
        assert sorted(row.role for row in rows) == ["marked"] * 2 + ["result"] * 2, step
        if not killed:
            break
    assert 10 < step < MANY - 1
