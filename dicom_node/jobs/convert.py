"""A row into the value that leaves the database."""

from dicom_node.db import JobRow, model_of
from dicom_node.jobs.records import COMPANIONS
from dicom_node.values import Companion, Job, JobState, Priority, Source

__all__ = ["job_of"]


def job_of(row: JobRow) -> Job:
    """Return the job of a row."""
    return Job(
        id=row.id,
        key=row.key,
        study_uid=row.study_uid,
        rule=row.rule,
        task=row.task,
        grid=row.grid,
        priority=Priority(row.priority),
        state=JobState(row.state),
        attempts=row.attempts,
        token=row.token,
        created_at=row.created_at,
        model=model_of(row),
        sources=tuple(Source(label, uid, tuple(uids)) for label, uid, uids in row.sources),
        reasons=tuple(row.reasons),
        series_uids=tuple(row.series_uids),
        decided=row.decided,
        companions=tuple(Companion(name) for name in row.model.get(COMPANIONS, ())),
    )
