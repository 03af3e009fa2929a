"""What persons decide about results that wait for them, and about the jobs of a whole model."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import JobRow
from dicom_node.errors import NotKnown, NotPossible
from dicom_node.jobs.convert import job_of
from dicom_node.values import Decided, Job, JobState
from engine.reason import Code

__all__ = ["Decisions"]

_UNDECIDED = (JobState.WAITING, JobState.RUNNING, JobState.HELD)


class Decisions:
    """Releases, rejections and recalls. Uses the caller's session; never commits it.

    Of two who decide about one job at once, the second finds it decided.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def release(self, job_id: int, decided: Decided) -> Job:
        """Let a held job be done; what it was held for stays in its reasons.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or it is not held.
        """
        row = self._held(job_id, "released")
        row.state, row.decided = JobState.DONE, decided.record()
        return job_of(row)

    def reject(self, job_id: int, decided: Decided) -> Job:
        """Refuse the result of a held job, in a person's words.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or it is not held.
        """
        row = self._held(job_id, "rejected")
        row.state, row.decided = JobState.REFUSED, decided.record()
        row.series_uids = []
        text = f"rejected by {decided.by}: {decided.why}"
        row.reasons = [*row.reasons, {"code": str(Code.REJECTED), "text": text}]
        return job_of(row)

    def study_of(self, job_id: int) -> str:
        """Return the study of a job: who decides holds it first, as everybody does.

        Raises
        ------
        NotKnown
            When there is no such job.
        """
        query = select(JobRow.study_uid).where(JobRow.id == job_id)
        found = self._session.scalar(query)
        if found is None:
            raise NotKnown(f"there is no job {job_id}; 'dicom-node jobs list' shows them")
        return found

    def held(self, job_id: int) -> Job:
        """Return a held job.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or it is not held.
        """
        return job_of(self._held(job_id, "looked at"))

    def of_model(self, name: str, version: str) -> list[Job]:
        """Return every job of a version of a model, whatever its digest; the oldest first."""
        query = (
            select(JobRow)
            .where(
                JobRow.model["name"].as_string() == name,
                JobRow.model["version"].as_string() == version,
            )
            .order_by(JobRow.id)
        )
        return [job_of(row) for row in self._session.scalars(query)]

    def of_study(self, study_uid: str) -> list[Job]:
        """Return every job of a study, the oldest first."""
        query = select(JobRow).where(JobRow.study_uid == study_uid).order_by(JobRow.id)
        return [job_of(row) for row in self._session.scalars(query)]

    def block(self, job_id: int, reason: Mapping[str, str]) -> tuple[Job, bool]:
        """Refuse a job that waits, runs or is held, and say whether; leave alone what has ended.

        A worker that runs it finds its token void, so what it makes is not entered. What is held
        of it is for the caller to give up.
        """
        row = self._session.get_one(JobRow, job_id, with_for_update=True, populate_existing=True)
        if is_open := row.state in _UNDECIDED:
            row.state, row.token = JobState.REFUSED, row.token + 1
            row.reasons, row.series_uids = [*row.reasons, dict(reason)], []
            row.lease_owner = row.lease_until = None
        return job_of(row), is_open

    def _held(self, job_id: int, what: str) -> JobRow:
        row = self._session.get(JobRow, job_id, with_for_update=True)
        if row is None:
            raise NotKnown(f"there is no job {job_id}; 'dicom-node jobs list' shows them")
        if row.state != JobState.HELD:
            by = f", {row.decided['what']} by {row.decided['by']}" if row.decided else ""
            raise NotPossible(f"job {job_id} is {row.state}{by}; only one that is held is {what}")
        return row
