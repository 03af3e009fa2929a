"""What destinations have of a study's results, what peers were asked about it, and what we were."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dicom_node.commitment import failure_in_words
from dicom_node.db import (
    DeliveryItemRow,
    DeliveryRow,
    FetchRow,
    HeldRow,
    JobRow,
    QuestionRow,
    RejectionRow,
    RequestRow,
    SeriesRow,
)
from dicom_node.outbox import UNTOLD
from dicom_node.results import held_series
from dicom_node.values import Role

__all__ = ["asked", "copies", "deliveries", "requests", "waiting"]

_NAMED = 100


def deliveries(session: Session, study_uid: str) -> list[dict[str, Any]]:
    """Return where each series goes, what was answered, and who vouches for it."""
    rows = session.scalars(
        select(DeliveryRow).where(DeliveryRow.study_uid == study_uid).order_by(DeliveryRow.id)
    ).all()
    ids = [row.id for row in rows]
    counts, missing = _counts(session, ids), _missing(session, ids)
    what = _what(session, study_uid)
    return [
        {
            "destination": row.destination,
            "series_uid": row.series_uid,
            "copy": what.get(row.series_uid, "result"),
            "state": row.state,
            "sent": counts.get(row.id, (0, 0, 0))[0],
            "total": counts.get(row.id, (0, 0, 0))[1],
            "attempts": row.attempts,
            "error": row.error,
            "receipted": counts.get(row.id, (0, 0, 0))[2],
            "receipt": row.receipt,
            "receipted_at": row.receipted_at.isoformat() if row.receipted_at else None,
            "resends": row.resends,
            "missing": missing.get(row.id, []),
        }
        for row in rows
    ]


def copies(session: Session, study_uid: str) -> dict[int, str]:
    """Return the marked copy of each job of a study that had one; those withdrawn, too."""
    jobs = session.execute(select(JobRow.id, JobRow.key).where(JobRow.study_uid == study_uid))
    query = select(SeriesRow.uid).where(SeriesRow.study_uid == study_uid)
    series = frozenset(session.scalars(query))
    found = {job_id: series & held_series(key) for job_id, key in jobs}
    return {job_id: uid for job_id, uids in found.items() for uid in uids}


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


def asked(session: Session, study_uid: str) -> list[dict[str, Any]]:
    """Return what each peer was asked before the rules decided, and what it answered."""
    rows = session.scalars(
        select(QuestionRow).where(QuestionRow.study_uid == study_uid).order_by(QuestionRow.peer)
    )
    fetched = session.scalars(
        select(FetchRow).where(FetchRow.study_uid == study_uid).order_by(FetchRow.asked_at)
    ).all()
    return [
        {
            "peer": row.peer,
            "asked_at": row.asked_at.isoformat(),
            "until": row.until.isoformat(),
            "answered_at": row.answered_at.isoformat() if row.answered_at else None,
            "attempts": row.attempts,
            "error": row.error,
            "series": row.series or [],
            "fetched": [
                {"series_uid": one.series_uid, "label": one.label, "state": one.state,
                 "until": one.until.isoformat(), "error": one.error}
                for one in fetched
                if one.peer == row.peer
            ],
        }
        for row in rows
    ]  # fmt: skip


def requests(session: Session, study_uid: str) -> list[dict[str, Any]]:
    """Return who asked for what although no rule makes it, when, and what was decided last."""
    rows = session.scalars(
        select(RequestRow)
        .where(RequestRow.study_uid == study_uid)
        .order_by(RequestRow.asked_at, RequestRow.task, RequestRow.asked_by, RequestRow.via)
    )
    return [
        {
            "task": row.task,
            "by": row.asked_by,
            "via": row.via,
            "asked_at": row.asked_at.isoformat(),
            "destinations": row.destinations,
            "granted": row.granted,
            "reasons": row.reasons,
        }
        for row in rows
    ]


def _what(session: Session, study_uid: str) -> Mapping[str, str]:
    """Return what each series of a study is that is no result: ``marked``, or ``note``."""
    row = RejectionRow
    notes = select(row.note_series_uid).where(
        row.study_uid == study_uid, row.note_series_uid.is_not(None)
    )
    marked = copies(session, study_uid).values()
    return {**dict.fromkeys(map(str, session.scalars(notes)), "note"),
            **dict.fromkeys(marked, "marked")}  # fmt: skip


def _counts(session: Session, ids: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Return for each delivery how many instances were sent, are in it, and are vouched for."""
    item = DeliveryItemRow
    counted = session.execute(
        select(
            item.delivery_id, func.count(item.sent_at), func.count(), func.count(item.receipted_at)
        )
        .where(item.delivery_id.in_(ids))
        .group_by(item.delivery_id)
    )
    return {row[0]: (row[1], row[2], row[3]) for row in counted}


def _missing(session: Session, ids: Sequence[int]) -> dict[int, list[dict[str, str]]]:
    """Return for each delivery the instances that its destination said it does not have."""
    item = DeliveryItemRow
    rows = session.execute(
        select(item.delivery_id, item.sop_instance_uid, item.failure)
        .where(item.delivery_id.in_(ids), item.failure.is_not(None), item.receipted_at.is_(None))
        .order_by(item.delivery_id, item.sop_instance_uid)
    )
    found: dict[int, list[dict[str, str]]] = {}
    for delivery_id, uid, reason in rows:
        named = found.setdefault(delivery_id, [])
        if reason != UNTOLD and len(named) < _NAMED:
            named.append({"sop_instance_uid": uid, "reason": failure_in_words(int(reason or 0))})
    return found
