"""Plans as a rule makes them, and a queue whose every step is a transaction of its own."""

from dataclasses import dataclass, replace
from datetime import datetime

from dicom_node.db import Database, StudyRow
from dicom_node.errors import LeaseLost
from dicom_node.jobs import Ended, JobPlan, JobQueue, job_key
from dicom_node.lease import Lease, process_owner
from dicom_node.values import Job, JobState, Model, Priority, Source

US = Lease(process_owner(), 30.0)
DONE = Ended(JobState.DONE, (), ("1.7",))
REASON = {"code": "NO_MEMORY", "text": "too large"}
PLAN = JobPlan(
    study_uid="1.9",
    rule="sct-head",
    task="ct_from_mr",
    grid="native",
    priority=Priority.ROUTINE,
    destinations=("pacs",),
    model=Model("tiny", "1.0.0", "sha256:00"),
    sources=(Source("T1", "1.8", ("1.1", "1.2")),),
    pipeline_version=1,
    config_sha256="c" * 64,
)


def plan(number: int = 0, **values) -> JobPlan:
    """Return a plan; each number is another job."""
    sources = (Source("T1", "1.8", ("1.1", f"1.2.{number}")),)
    return replace(PLAN, **{"sources": sources, **values})


@dataclass
class Queue:
    """Steps of :class:`JobQueue`, each committed."""

    database: Database
    now: datetime

    def study(self, uid: str = "1.9") -> "Queue":
        with self.database.transaction() as session:
            session.merge(StudyRow(uid=uid, state="routed", first_at=self.now, last_at=self.now))
        return self

    def do(self, step, *arguments):
        with self.database.transaction() as session:
            return step(JobQueue(session), *arguments)

    def add(self, wanted: JobPlan) -> Job:
        return self.do(JobQueue.add, job_key("1.2.3", wanted), wanted, self.now)

    def claim(self, lease: Lease) -> Job | None:
        return self.do(JobQueue.claim, self.now, lease)

    def job(self, job_id: int) -> Job:
        (found,) = [job for job in self.do(JobQueue.list) if job.id == job_id]
        return found


def finishes(queue, job) -> bool:
    """Return whether a worker that finishes a job still held it."""
    try:
        queue.do(JobQueue.finish, job, DONE)
    except LeaseLost:
        return False
    return True
