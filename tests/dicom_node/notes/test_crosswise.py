"""On PostgreSQL rows are locked one by one: who recalls and who ends a job wait for no circle."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import text

from dicom_node.app.decide import release_held
from dicom_node.db import Base
from dicom_node.jobs import Ended, JobQueue
from dicom_node.notes import carry_out
from dicom_node.values import JobState
from dicom_node.worker import enter_made
from tests.dicom_node.archive.objects import Store
from tests.dicom_node.db.clean import migrated
from tests.dicom_node.notes.scene import Scene
from tests.dicom_node.notes.test_marked import BY
from tests.dicom_node.notes.test_recalled import begin
from tests.support.mr import MrSeries
from tests.support.until import until

__all__ = ["migrated"]

SERIES = MrSeries(seed="crosswise", slices=18, size=32, spacing_mm=6.0)
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def database(migrated):
    with migrated.transaction() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())
    return migrated


@pytest.fixture
def store(database, tmp_path, now):
    return Store.on(database, tmp_path / "archive", now)


def somebody_waits(scene: Scene) -> bool:
    """Whether a transaction waits for another one's lock."""
    with scene.database.reading() as session:
        return bool(session.scalar(_WAITING))


def test_a_recall_that_comes_while_a_job_ends_waits_for_it_and_takes_back_what_it_made(scene):
    """The worker holds the job and names the study; the recall holds the study, and wants the job.

    With a lock on the study that forbids to name it each waits for the other, and one is aborted.
    """
    scene.send(SERIES.datasets())
    scene.plan()
    job = scene.claim()
    made = scene.placed(SERIES, job, 2)
    is_ended, go_on = Event(), Event()

    def end() -> None:
        """End the job as the worker does, in two steps of one transaction."""
        with scene.database.transaction() as session:
            queue = JobQueue(session)
            queue.finish(job, Ended(JobState.DONE, (), (made.series_uid,)))
            is_ended.set()
            assert go_on.wait(60)
            places = queue.destinations(job.id)
            enter_made(session, scene.archive, made, job.id, places, scene.store.now)

    recall = begin(scene)
    with ThreadPoolExecutor(2) as both:
        worker = both.submit(end)
        assert is_ended.wait(60)
        store = scene.database, scene.store.files.folder
        recalling = both.submit(carry_out, store, recall, scene.store.now)
        until(lambda: somebody_waits(scene))  # it holds the study, and waits for the job
        go_on.set()
        worker.result(60)
        recalling.result(60)
    assert [one["state"] for one in scene.why(SERIES)["jobs"]] == ["done"]
    (one,) = scene.rejected(SERIES, made.series_uid)
    assert one["because"] == "recalled"
    assert scene.shown(SERIES, made.series_uid) == 0


def test_a_release_and_a_recall_at_once_wait_for_each_other_in_one_order(scene):
    job, result, _ = scene.hold(SERIES)
    is_held, go_on = Event(), Event()

    def tell(_job) -> None:
        """Stop where the release has decided, and is not committed."""
        is_held.set()
        assert go_on.wait(60)

    with ThreadPoolExecutor(2) as both:
        releasing = both.submit(release_held, scene, job.id, BY, scene.store.now, tell)
        assert is_held.wait(60)
        recall = begin(scene)
        store = scene.database, scene.store.files.folder
        recalling = both.submit(carry_out, store, recall, scene.store.now)
        until(lambda: somebody_waits(scene))
        go_on.set()
        releasing.result(60)
        recalling.result(60)
    scene.deliver()
    assert scene.pacs.asked == [], "released before the recall, and sent after it to nobody"
    (one,) = scene.rejected(SERIES, result)
    assert one["because"] == "recalled"
