"""Which series are marked copies of what waits for a person, and where they went."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import DeliveryRow, HeldRow, JobRow, RejectionRow, SeriesRow
from dicom_node.results import held_series
from dicom_node.values import Role

__all__ = ["copies", "copy_of", "waiting"]


def copies(session: Session, study_uid: str) -> dict[int, str]:
    """Return the marked copy of each job of a study that had one; those withdrawn, too."""
    jobs = session.execute(select(JobRow.id, JobRow.key).where(JobRow.study_uid == study_uid))
    query = select(SeriesRow.uid).where(SeriesRow.study_uid == study_uid)
    series = frozenset(session.scalars(query))
    found = {job_id: series & held_series(key) for job_id, key in jobs}
    return {job_id: uid for job_id, uids in found.items() for uid in uids}


def copy_of(session: Session, study_uid: str) -> Mapping[str, str]:
    """Return what each series of a study is that is no result: ``marked``, or ``note``."""
    row = RejectionRow
    notes = select(row.note_series_uid).where(
        row.study_uid == study_uid, row.note_series_uid.is_not(None)
    )
    marked = copies(session, study_uid).values()
    return {**dict.fromkeys(map(str, session.scalars(notes)), "note"),
            **dict.fromkeys(marked, "marked")}  # fmt: skip


def waiting(session: Session) -> dict[int, dict[str, Any]]:
    """Return the marked copies that are not withdrawn, by job: the series, and each delivery."""
    held, row = HeldRow, DeliveryRow
    query = (
        select(held.job_id, held.series_uid, row.destination, row.state)
        .join(row, row.series_uid == held.series_uid)
        .where(
            held.role == Role.MARKED,
            held.series_uid.not_in(select(RejectionRow.series_uid)),
        )
        .distinct()
        .order_by(held.job_id, row.destination)
    )
    found: dict[int, dict[str, Any]] = {}
    for job_id, uid, destination, state in session.execute(query):
        one = found.setdefault(job_id, {"series_uid": uid, "deliveries": {}})
        one["deliveries"][destination] = state
    return found
