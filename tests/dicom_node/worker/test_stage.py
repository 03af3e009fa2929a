"""Jobs and their children: no answer is ever taken for that of another job."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.archive import Archive, Files, Received, Space
from dicom_node.archive.query import (
    ATTRIBUTES,
    Condition,
    Finder,
    Level,
    Query,
    Retriever,
    values_of,
)
from dicom_node.audit import Audit, Silence
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway
from dicom_node.jobs import JobPlan, JobQueue, job_key
from dicom_node.lease import Lease, process_owner
from dicom_node.values import JobState, Model, Origin, Priority, Source
from dicom_node.worker import Child, Retries, WorkerStage
from tests.support.mr import MrSeries, encoded

T0 = datetime(2026, 1, 2, tzinfo=UTC)
CHILD = """
import json, sys, time
for line in sys.stdin:
    work = json.loads(line)
    time.sleep({wait})
    text = "for job " + str(work["job_id"])
    answer = {{"kind": "refused", "reasons": [{{"code": "QC_FAILED", "text": text}}],
              "placed": [], "run": {run}}}
    print({said}, flush=True)
"""


def program(wait: float = 0, run: str = 'work["run"]', said: str = "json.dumps(answer)") -> str:
    """Return a child's program that refuses every job, and says which."""
    return CHILD.format(wait=wait, run=run, said=said)


@dataclass
class Scene:
    """A database with two jobs, and a worker whose child is ``source``."""

    database: Database
    archive: Archive
    source: str
    now: datetime = T0
    audit: Audit = field(default_factory=Silence)
    child: Child = field(init=False)
    stage: WorkerStage = field(init=False)

    def __post_init__(self) -> None:
        self.child = Child(("-c", self.source))
        lease, retries = Lease(process_owner(), 0.3), Retries(attempts=2, job_limit_s=30)
        self.stage = WorkerStage(
            (self.database, self.archive), self.child, lease, retries, self._clock, self.audit
        )

    def _clock(self) -> datetime:
        self.now += timedelta(seconds=0.2)  # every look at the clock renews the lease
        return self.now

    def reasons(self) -> dict[int, tuple[JobState, str]]:
        with self.database.reading() as session:
            return {
                job.id: (job.state, job.reasons[0]["text"] if job.reasons else "")
                for job in JobQueue(session).list()
            }


@pytest.fixture
def start(tmp_path):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    archive = Archive(database, Files(tmp_path / "archive"), Space(tmp_path, 0), lambda: T0)
    series = MrSeries(slices=2)
    for ds in series.datasets():
        archive.keep(Received(encoded(ds), "1.2.840.10008.1.2.1", "X", Origin.RECEIVED))
    for number in range(2):
        uids = tuple(ds.SOPInstanceUID for ds in series.datasets())
        plan = JobPlan(
            series.study_uid, f"rule{number}", "ct_from_mr", "native", Priority.ROUTINE, ("pacs",),
            Model("tiny", "1", f"sha256:{number}"),
            (Source("T1", series.series_uid, uids),), 1, "c" * 64,
        )  # fmt: skip
        with database.transaction() as session:
            JobQueue(session).add(job_key("2.25.9", plan), plan, T0)
    scenes = []

    def starter(source: str) -> Scene:
        scenes.append(Scene(database, archive, source))
        return scenes[-1]

    yield starter
    for scene in scenes:
        scene.child.stop()
    database.close()


def test_each_job_gets_its_own_answer(start):
    scene = start(program())
    assert [scene.stage.tick(scene.now) for _ in range(3)] == [1, 1, 0]
    assert scene.reasons() == {
        1: (JobState.REFUSED, "for job 1"),
        2: (JobState.REFUSED, "for job 2"),
    }


@pytest.mark.parametrize("harm", ["a byte", "gone"])
def test_nothing_is_made_of_a_source_that_is_not_what_was_received(start, harm):
    scene = start(program())
    path = next(scene.archive.folder.rglob("*.dcm"))
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"\x55")
    scene.stage.tick(scene.now)
    state, text = scene.reasons()[1]
    assert state == JobState.REFUSED
    assert text.startswith("1 of 2 files of its sources are gone, or not what was received")


def test_a_child_whose_database_went_away_does_not_answer_for_the_next_job(start, monkeypatch):
    scene = start(program(wait=1.2))

    def away(*_arguments):
        raise DatabaseAway("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(WorkerStage, "_renew", away)
        with pytest.raises(DatabaseAway):
            scene.stage.tick(scene.now)
    assert scene.child.pid is None
    scene.stage.tick(scene.now)
    scene.stage.tick(scene.now)
    told = {number: text for number, (_, text) in scene.reasons().items()}
    assert told == {1: "for job 1", 2: "for job 2"}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (program(run='"another run"'), "answered run 'another run'"),
        (program(said='"half a "'), "cannot be read"),
        (program(said="json.dumps([1])"), "cannot be read"),
    ],
)
def test_what_is_no_answer_to_the_job_is_not_taken_for_one(start, source, text):
    scene = start(source)
    scene.stage.tick(scene.now)
    state, told = scene.reasons()[1]
    assert state is JobState.WAITING
    assert text in told
    assert scene.child.pid is None


def test_a_full_disk_costs_no_attempt_and_no_computing(start, monkeypatch):
    scene = start(program())
    with monkeypatch.context() as patch:
        patch.setattr(Space, "_ask", lambda _space: -1)
        scene.archive._space._asked_at = -1e9
        for _ in range(5):
            scene.now += timedelta(minutes=2)
            scene.stage.tick(scene.now)
        assert scene.child.pid is None, "nothing was computed"
        state, told = scene.reasons()[1]
        assert state is JobState.WAITING
        assert "kept in reserve" in told
    scene.archive._space._asked_at = -1e9
    for _ in range(2):
        scene.now += timedelta(minutes=2)
        scene.stage.tick(scene.now)
    assert {state for state, _ in scene.reasons().values()} == {JobState.REFUSED}


def test_what_cannot_be_entered_is_made_again(start):
    """The answer names a file that is not there: as if a disk had lost it."""
    placed = (
        '{"place": "gone", "sha256": "0", "size": 1, "sop_instance_uid": "1.2", '
        '"sop_class_uid": "1.2"}'
    )
    made = f'json.dumps({{**answer, "kind": "made", "placed": [{placed}]}})'
    scene = start(program(said=made))
    scene.stage.tick(scene.now)
    state, told = scene.reasons()[1]
    assert state is JobState.WAITING
    assert "gone from the archive" in told


def placed_in(scene: Scene) -> str:
    """Place an object as a child does; return the answer's words for it."""
    (ds,) = MrSeries(slices=1).datasets()
    ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.InstanceNumber = "1.2.3", "1.2.4", 7
    ds.SeriesDescription, ds.SyntheticData = "sCT (SYNTHETIC)", "YES"
    received = Received(encoded(ds), "1.2.840.10008.1.2.1", "NODE", Origin.MADE)
    entry = scene.archive.place(received)
    about = {
        "study_uid": entry.identity.study_uid,
        "series_uid": "1.2.4",
        "label": "CT",
        "placed": [
            {"place": entry.place, "sha256": entry.sha256, "size": entry.size, "number": 7,
             "sop_instance_uid": "1.2.3", "sop_class_uid": entry.identity.sop_class_uid}
        ],
    }  # fmt: skip
    return json.dumps(about)


def synthetic(scene: Scene) -> tuple[list[str], list[str]]:
    """Return descriptions of synthetic series that a query finds, and what a retrieval takes."""
    store = scene.database, scene.archive.folder
    wanted = ATTRIBUTES["SeriesDescription"], ATTRIBUTES["InstanceNumber"]
    asked = Condition(ATTRIBUTES["SyntheticData"], ("YES",))
    found = list(Finder(*store).find(Query(Level.IMAGE, (asked,), wanted)))
    told = [str(values_of(one, attribute)) for one in found for attribute in wanted]
    series = Condition(ATTRIBUTES["SeriesInstanceUID"], ("1.2.4",))
    return told, [one.sop_instance_uid for one in Retriever(*store).select((series,))]


@pytest.mark.parametrize("kind", ["refused", "failed", "again", "made"])
def test_a_result_is_found_and_retrieved_once_its_job_is_done_and_not_before(start, kind):
    scene = start("")
    about = placed_in(scene).replace('"', '\\"')
    scene.child = Child(
        ("-c", program(said=f'json.dumps({{**answer, **json.loads("{about}"), "kind": "{kind}"}})'))
    )
    scene.stage._child = scene.child
    assert synthetic(scene) == ([], [])
    scene.stage.tick(scene.now)
    state, _ = scene.reasons()[1]
    if kind == "made":
        assert state is JobState.DONE
        assert synthetic(scene) == (["['sCT (SYNTHETIC)']", "[7]"], ["1.2.3"])
    else:
        assert state is not JobState.DONE
        assert synthetic(scene) == ([], [])


def test_a_job_whose_child_dies_each_time_fails_with_its_reason(start):
    scene = start("import sys; sys.stdin.readline(); sys.exit(3)")
    for _ in range(4):
        scene.now += timedelta(hours=1)
        scene.stage.tick(scene.now)
    assert {state for state, _ in scene.reasons().values()} == {JobState.FAILED}
    assert "status 3" in scene.reasons()[1][1]


def test_the_run_is_in_the_work_and_changes_with_every_claim(start):
    scene = start("import sys; sys.stdin.readline(); sys.exit(3)")
    given = []
    give = scene.child.give
    scene.child.give = lambda line: (given.append(json.loads(line)), give(line))[1]
    for _ in range(4):
        scene.now += timedelta(hours=1)
        scene.stage.tick(scene.now)
    assert len({one["run"] for one in given}) == len(given) == 4


def test_a_stat_job_waits_for_no_more_than_the_one_that_runs(start):
    """Five hundred bulk jobs are queued, and the stat job comes while the first of them runs."""
    scene = start(program())
    series = MrSeries(slices=2)
    uids = tuple(ds.SOPInstanceUID for ds in series.datasets())

    def add(rule: str, priority: Priority) -> int:
        plan = JobPlan(
            series.study_uid, rule, "ct_from_mr", "native", priority, ("pacs",),
            Model("tiny", "1", f"sha256:{rule}"), (Source("T1", series.series_uid, uids),), 1,
            "c" * 64,
        )  # fmt: skip
        with scene.database.transaction() as session:
            return JobQueue(session).add(job_key("2.25.9", plan), plan, T0).id

    bulk = [add(f"bulk {number}", Priority.BULK) for number in range(500)]
    with scene.database.transaction() as session:
        for routine in (1, 2):
            JobQueue(session).cancel(routine)
    given, give = [], scene.child.give

    def give_noting(line: str) -> None:
        if not given:  # the first runs: from now on somebody waits
            add("stat", Priority.STAT)
        given.append(json.loads(line)["job_id"])
        give(line)

    scene.child.give = give_noting
    for _ in range(3):
        scene.stage.tick(scene.now)
    assert given == [bulk[0], bulk[-1] + 1, bulk[1]]
