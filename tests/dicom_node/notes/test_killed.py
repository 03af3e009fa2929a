"""The node dies at any step of taking a series back: nobody is told twice, and nobody is missed."""

from dataclasses import replace
from functools import partial

import pytest

from dicom_node.db import Database, DeliveryRow, HeldRow, InstanceRow
from dicom_node.notes import carry_out
from dicom_node.rejections import Because, Recalls
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.notes.scene import KEY_OBJECT, PLACES, Scene, tell_elsewhere
from tests.support.killed import killed_at
from tests.support.mr import MrSeries

MANY = 120


@pytest.fixture
def store(long_database_url, tmp_path, now):
    database = Database(long_database_url, tmp_path)
    database.prepare()
    yield Store.on(database, tmp_path / "archive", now)
    database.close()


def small(seed: str) -> MrSeries:
    return MrSeries(seed=seed, slices=18, size=32, spacing_mm=6.0)


@pytest.mark.timeout(600)
def test_killed_at_every_step_there_is_one_note_for_each_who_holds_it(store, task, every):
    scene = Scene(store, task)  # nobody listens: this process is forked
    url = scene.database._engine.url.render_as_string(hide_password=False)
    folder = scene.store.files.folder
    for step in range(1, MANY, every):
        series = small(f"killed {step}")
        uid = scene.make(series, number=2)
        hand_over(scene, uid)
        scene.reject(series, uid, Because.SUPERSEDED)
        killed = killed_at(step, partial(tell_elsewhere, url, folder, scene.store.now))
        scene.tell()
        (one,) = scene.rejected(series, uid)
        assert one["told"], f"killed at step {step}"
        rows = [row for row in store.rows(InstanceRow) if row.study_uid == series.study_uid]
        notes = [row for row in rows if row.sop_class_uid == KEY_OBJECT]
        assert [row.sop_instance_uid for row in notes] == [one["note_uid"]], f"step {step}"
        assert set(scene.deliveries(one["note_series_uid"])) == set(PLACES), f"step {step}"
        aside = [row for row in scene.store.rows(HeldRow) if row.series_uid == uid]
        assert (len(aside), scene.shown(series, uid)) == (2, 0), f"step {step}"
        if not killed:
            break
    assert 15 < step < MANY - 1


def recall_elsewhere(url: str, folder, model: tuple[str, str], now) -> None:
    database = Database(url, folder.parent)
    with database.transaction() as session:
        recall = Recalls(session).add(model, "A. Physicist", "wrong", now)
    carry_out((database, folder), recall, now)
    database.close()


@pytest.mark.timeout(600)
def test_killed_at_every_step_of_a_recall_it_is_finished_at_the_next_start(store, task, every):
    """Each step with a version of its own: what was recalled once is recalled for good."""
    url = store.database._engine.url.render_as_string(hide_password=False)
    folder = store.files.folder
    for step in range(1, MANY, every):
        bundle = replace(task.bundle, version=f"1.{step}")
        scene = Scene(store, replace(task, bundle=bundle))
        done, waiting = (small(f"{step} {word}") for word in ("done", "waiting"))
        uid = scene.make(done, number=2)
        hand_over(scene, uid)
        scene.send(waiting.datasets())
        scene.plan()
        work = partial(recall_elsewhere, url, folder, scene.model, store.now)
        killed = killed_at(step, work)
        with store.database.reading() as session:
            begun = Recalls(session).of(*scene.model) is not None
        assert begun or killed, f"step {step}"
        scene.tell()
        told = [one["because"] for one in scene.rejected(done, uid)]
        (job,) = scene.why(waiting)["jobs"]
        wanted = (["recalled"], "refused") if begun else ([], "waiting")
        assert (told, job["state"]) == wanted, f"killed at step {step}"
        work()  # whatever waits now would be claimed in the next round
        if not killed:
            break
    assert 10 < step < MANY - 1


def hand_over(scene, uid: str) -> None:
    """Have both destinations hold it, without an association for each of so many."""
    with scene.database.transaction() as session:
        for row in session.query(DeliveryRow).filter_by(series_uid=uid):
            row.state, row.token = "sent", 1
