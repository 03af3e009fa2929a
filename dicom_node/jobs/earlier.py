"""What a rule had made, or was to have made, of the very same instances before."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import JobRow, RecallRow, WantedRow
from dicom_node.jobs.key import JobPlan
from dicom_node.values import JobState

__all__ = ["Earlier"]


class Earlier:
    """Jobs of before, by whatever model. Uses the caller's session; never commits it.

    None of a model that is recalled: what that made is rejected, and something has to take its
    place.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def made(self, plan: JobPlan) -> str | None:
        """Return the key of the job that once made what a plan asks for.

        With another model it would be another job. But once its result has left, and its objects
        were deleted here, the study that is sent again is not to get a second series.
        """
        return self._newest(plan, [JobState.DONE])

    def planned(self, plan: JobPlan) -> str | None:
        """Return the key of the job that a rule had of these instances, however that stands.

        What is made here comes back from where it was sent. That is no reason to make it once more
        by the model that is in use by now, nor to give up what waits for a person.
        """
        return self._newest(plan, list(JobState))

    def outgrown(self, job_id: int) -> list[str]:
        """Return the series that were made of a part of what a job works on: more came since."""
        new = self._session.get_one(JobRow, job_id)
        row, whole = JobRow, _of(new)
        same = row.study_uid == new.study_uid, row.task == new.task, row.grid == new.grid
        done = select(row).where(*same, row.id != new.id, row.state == JobState.DONE)
        return [uid for one in self._session.scalars(done.order_by(row.id)) if _of(one) < whole
                for uid in one.series_uids]  # fmt: skip

    def _newest(self, plan: JobPlan, states: Sequence[JobState]) -> str | None:
        rows = self._session.scalars(
            select(JobRow)
            .join(WantedRow, WantedRow.job_id == JobRow.id)
            .where(
                JobRow.study_uid == plan.study_uid,
                JobRow.state.in_(states),
                JobRow.task == plan.task,
                JobRow.grid == plan.grid,
                WantedRow.rule == plan.rule,
            )
            .order_by(JobRow.id.desc())
        )
        wanted = _roles((one.label, one.sop_instance_uids) for one in plan.sources)
        same = (row for row in rows if _of(row) == wanted)
        return next((row.key for row in same if not self._is_recalled(row)), None)

    def _is_recalled(self, row: JobRow) -> bool:
        model = row.model["name"], row.model["version"]
        return self._session.get(RecallRow, model) is not None


def _of(row: JobRow) -> set[tuple[str, str]]:
    return _roles((source[0], source[2]) for source in row.sources)


def _roles(sources: Iterable[tuple[str, Sequence[str]]]) -> set[tuple[str, str]]:
    return {(label, uid) for label, uids in sources for uid in uids}
