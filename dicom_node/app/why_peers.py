"""What destinations have of a study's results, what peers were asked about it, and what we were."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dicom_node.app.copies import copy_of
from dicom_node.commitment import failure_in_words
from dicom_node.db import DeliveryItemRow, DeliveryRow, FetchRow, QuestionRow, RequestRow
from dicom_node.outbox import UNTOLD

__all__ = ["asked", "deliveries", "requests"]

_NAMED = 100


def deliveries(session: Session, study_uid: str) -> list[dict[str, Any]]:
    """Return where each series goes, what was answered, and who vouches for it."""
    rows = session.scalars(
        select(DeliveryRow).where(DeliveryRow.study_uid == study_uid).order_by(DeliveryRow.id)
    ).all()
    ids = [row.id for row in rows]
    counts, missing = _counts(session, ids), _missing(session, ids)
    what = copy_of(session, study_uid)
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
