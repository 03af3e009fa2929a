"""A study that was deleted and comes again: its result is not made a second time under other UIDs,
and what is wanted of it can be had again."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from dicom_node.app import explain_study
from dicom_node.archive import Received, Studies
from dicom_node.db import DeliveryRow, JobRow
from dicom_node.errors import NotPossible
from dicom_node.jobs import JobQueue
from dicom_node.notes import carry_out
from dicom_node.outbox import Outbox
from dicom_node.rejections import Recalls
from dicom_node.rules import Current, Elsewhere, Offer, Rule, RulesStage, Versions
from dicom_node.values import DeliveryState, Job, JobState, Origin, Priority
from engine.task import Task, read_bundle
from tests.dicom_node.archive.objects import instance, received
from tests.dicom_node.retention.shelf import Shelf
from tests.support.again import plan_again
from tests.support.bundle import write_bundle
from tests.support.mr import MrSeries, encoded

SERIES = MrSeries()
MADE = "1.7.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


class Ward:
    """A node that gets one study, plans it, makes its series and delivers that."""

    def __init__(self, shelf: Shelf, tasks: dict[str, Task]) -> None:
        self.shelf = shelf
        self.tasks = tasks

    def send(self, count: int | None = None) -> None:
        self.take(SERIES.datasets()[:count])

    def take(self, datasets) -> None:
        for ds in datasets:
            part = Received(encoded(ds), "1.2.840.10008.1.2.1", "SCANNER", Origin.RECEIVED)
            self.shelf.store.archive.keep(part)

    def plan(self, version: str = "1.0.0", destinations=("pacs",), name: str = "sct") -> None:
        task = self.tasks[version]
        rule = Rule(name, task, "native", destinations, Priority.ROUTINE, ())
        stage = RulesStage(
            self.shelf.database,
            self.shelf.folder,
            Current((rule,), Offer({task.name: task}, destinations), Versions({})),
            ("2.25.9", {}),
            Elsewhere(),
        )
        with self.shelf.database.transaction() as session:
            studies = Studies(session, self.shelf.folder)
            for waiting in studies.receiving():
                studies.complete(waiting.uid, waiting.revision, "quiet")
        assert stage.tick(self.shelf.store.now) == 1

    def make(self) -> None:
        """Do what a worker does with the job that waits."""
        (job,) = (one for one in self.jobs() if one.state is JobState.WAITING)
        values = {
            "StudyInstanceUID": SERIES.study_uid,
            "SeriesInstanceUID": MADE,
            "SOPInstanceUID": f"{MADE}.1",
        }
        one = received(instance(**values), origin=Origin.MADE)
        entry = self.shelf.store.archive.place(one)
        with self.shelf.database.transaction() as session:
            self.shelf.store.archive.enter(session, [entry])
            done = {"state": JobState.DONE, "series_uids": [MADE]}
            session.execute(update(JobRow).where(JobRow.id == job.id).values(**done))
            outbox, wanted = Outbox(session, self.shelf.folder), JobQueue(session)
            outbox.add(SERIES.study_uid, MADE, wanted.destinations(job.id), self.shelf.store.now)

    def deliver(self) -> None:
        with self.shelf.database.transaction() as session:
            session.execute(update(DeliveryRow).values(state=DeliveryState.RECEIPTED))

    def jobs(self) -> list[Job]:
        with self.shelf.database.reading() as session:
            return JobQueue(session).list()

    def later(self) -> None:
        self.shelf.store.now += timedelta(minutes=5)

    def do(self, step, *arguments):
        with self.shelf.database.transaction() as session:
            return step(session, *arguments)

    def retry(self, job_id: int) -> Job:
        return self.do(lambda session: JobQueue(session).retry(job_id, self.shelf.store.now))

    def resend(self) -> int:
        return self.do(
            lambda session: Outbox(session, self.shelf.folder).resend(
                SERIES.study_uid, "pacs", self.shelf.store.now
            )
        )

    def deliveries(self) -> dict[str, tuple[str, int]]:
        found = explain_study(self.shelf.database, SERIES.study_uid)["deliveries"]
        return {one["destination"]: (one["state"], one["total"]) for one in found}


@pytest.fixture(scope="session")
def tasks(tmp_path_factory) -> dict[str, Task]:
    """The same task by two versions of a model."""
    folder = tmp_path_factory.mktemp("models")
    return {
        version: Task(
            "ct_from_mr",
            ("T1",),
            "CT",
            read_bundle(write_bundle(folder / version / "tiny", seed=seed, version=version)),
        )
        for seed, version in enumerate(("1.0.0", "2.0.0"))
    }


@pytest.fixture
def ward(shelf, tasks) -> Ward:
    return Ward(shelf, tasks)


@pytest.fixture
def gone(ward) -> Ward:
    """The study was made, delivered and deleted."""
    ward.send()
    ward.plan()
    ward.make()
    ward.deliver()
    assert ward.shelf.tick() == 1
    assert ward.shelf.files() == set()
    return ward


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
def test_a_study_that_comes_again_gets_no_second_series(gone, version):
    """Not even from the model that is in use by now: the first series has left."""
    (before,) = gone.jobs()
    gone.send()
    gone.plan(version)
    assert gone.jobs() == [before]
    assert gone.deliveries() == {"pacs": ("receipted", 1)}


def test_what_a_recalled_version_made_is_made_anew_by_the_version_in_use(gone):
    """Its series is rejected everywhere: the first one has not stayed."""
    (before,) = gone.jobs()
    with gone.shelf.database.transaction() as session:
        model = before.model.name, before.model.version
        recall = Recalls(session).add(model, "A. Physicist", "shifted", gone.shelf.store.now)
    carry_out((gone.shelf.database, gone.shelf.folder), recall, gone.shelf.store.now)
    gone.send()
    gone.plan("2.0.0")
    newer, first = gone.jobs()
    assert (first, newer.state) == (before, JobState.WAITING)
    assert (newer.model.version, newer.key != before.key) == ("2.0.0", True)


def test_a_study_that_was_never_deleted_is_planned_by_the_model_in_use(ward):
    """What the test above would hide: another model is another job."""
    ward.send()
    ward.plan()
    ward.make()
    with ward.shelf.database.transaction() as session:
        plan_again(session, SERIES.study_uid)
    ward.plan("2.0.0")
    assert [job.model.version for job in ward.jobs()] == ["2.0.0", "1.0.0"]


def back(series_uid: str) -> list:
    """Return a result as it comes back from a PACS that gave it other UIDs."""
    found = SERIES.datasets()[:3]
    for number, ds in enumerate(found):
        ds.SeriesInstanceUID, ds.SOPInstanceUID = series_uid, f"{series_uid}.{number}"
        ds.SyntheticData, ds.Modality, ds.SOPClassUID = "YES", "CT", CT_IMAGE
    return found


@pytest.mark.parametrize("state", [JobState.DONE, JobState.HELD, JobState.FAILED])
def test_what_is_synthetic_and_comes_back_makes_no_job_of_the_model_in_use_by_now(ward, state):
    ward.send()
    ward.plan()
    ward.do(lambda session: session.execute(update(JobRow).values(state=state)))
    (before,) = ward.jobs()
    ward.later()
    ward.take(back("1.8.1"))
    ward.plan("2.0.0")
    assert ward.jobs() == [before]


def test_what_is_acquired_and_comes_with_it_is_planned_by_the_model_in_use(ward):
    """What the test above would hide."""
    ward.send()
    ward.plan()
    ward.make()
    ward.later()
    (slice_,) = SERIES.datasets()[:1]
    slice_.SeriesInstanceUID, slice_.SOPInstanceUID = "1.8.2", "1.8.2.1"
    ward.take([*back("1.8.1"), slice_])
    ward.plan("2.0.0")
    assert [job.model.version for job in ward.jobs()] == ["2.0.0", "1.0.0"]


def test_a_study_that_comes_again_with_other_instances_is_another_job(gone):
    gone.send(count=18)
    gone.plan()
    assert [job.state for job in gone.jobs()] == [JobState.WAITING, JobState.DONE]


def test_another_rule_makes_its_own_series(gone):
    gone.send()
    gone.plan("2.0.0", name="other")
    assert [job.state for job in gone.jobs()] == [JobState.WAITING, JobState.DONE]


def test_our_series_is_still_known_as_ours_after_it_was_deleted(gone):
    with gone.shelf.database.reading() as session:
        assert MADE in Studies(session, gone.shelf.folder).made(SERIES.study_uid)


def test_a_new_destination_has_the_same_job_run_again(gone):
    (before,) = gone.jobs()
    gone.send()
    gone.plan(destinations=("pacs", "archive"))
    (again,) = gone.jobs()
    assert (again.id, again.key, again.state) == (before.id, before.key, JobState.WAITING)
    assert gone.deliveries() == {"pacs": ("receipted", 1)}
    gone.make()
    assert gone.deliveries() == {"pacs": ("receipted", 1), "archive": ("waiting", 1)}


def test_nothing_is_sent_again_that_is_not_here(gone):
    with pytest.raises(NotPossible, match=r"was deleted here.*'dicom-node jobs retry'"):
        gone.resend()
    assert gone.deliveries() == {"pacs": ("receipted", 1)}


def test_a_job_is_not_retried_when_what_it_works_on_was_deleted(gone):
    (job,) = gone.jobs()
    with pytest.raises(NotPossible, match=f"send study {SERIES.study_uid} again"):
        gone.retry(job.id)
    gone.send(count=19)
    with pytest.raises(NotPossible, match="is not here any more"):
        gone.retry(job.id)


def test_what_was_deleted_is_made_again_by_hand_and_can_be_sent_again(gone):
    gone.send()
    gone.plan()
    (job,) = gone.jobs()
    assert gone.retry(job.id).state is JobState.WAITING
    gone.make()
    assert gone.resend() == 1
    assert gone.deliveries() == {"pacs": ("waiting", 1)}
    with pytest.raises(NotPossible, match="is done; only a job without result"):
        gone.retry(job.id)


def test_what_was_released_and_deleted_is_released_still_when_it_is_made_again(gone):
    """The worker enters the same bytes at once, and holds other bytes: a person has seen these."""
    released = {"what": "released", "by": "A. Physicist", "content": "sha256:" + "ab" * 32}
    gone.do(lambda session: session.execute(update(JobRow).values(decided=released)))
    gone.send()
    (job,) = gone.jobs()
    assert gone.retry(job.id).decided == released


def test_a_series_of_which_nothing_is_here_is_queued_for_nobody(gone):
    """No delivery is of nothing: zero instances would count as sent."""
    added = gone.do(
        lambda session: Outbox(session, gone.shelf.folder).add(
            SERIES.study_uid, MADE, ["other"], gone.shelf.store.now
        )
    )
    assert added == 0
    assert "other" not in gone.deliveries()
