"""Everything decided about a study, as one answer."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dicom_node.app.why_peers import asked, copies, deliveries, requests
from dicom_node.db import (
    ConflictRow,
    Database,
    DecisionRow,
    DeletionRow,
    HeldRow,
    InstanceRow,
    JobRow,
    SeriesRow,
    StudyRow,
    WantedRow,
    model_of,
)
from dicom_node.errors import NotKnown
from dicom_node.jobs import COMPANIONS
from dicom_node.rejections import Rejections

__all__ = ["explain_study"]


def explain_study(database: Database, study_uid: str) -> dict[str, Any]:
    """Return what ``dicom-node why`` shows; its keys are a public contract.

    Raises
    ------
    NotKnown
        When the study was never seen.
    """
    with database.reading() as session:
        study = session.get(StudyRow, study_uid)
        if study is None:
            raise NotKnown(f"study {study_uid} was never seen here; was it sent to this node?")
        return {
            "study_uid": study.uid,
            "state": study.state,
            "evidence": study.evidence,
            "first_at": study.first_at.isoformat(),
            "last_at": study.last_at.isoformat(),
            "series": _series(session, study_uid),
            "rules": _rules(session, study_uid),
            "asked": asked(session, study_uid),
            "requests": requests(session, study_uid),
            "jobs": _jobs(session, study_uid),
            "deliveries": deliveries(session, study_uid),
            "conflicts": _conflicts(session, study_uid),
            "deleted": _deleted(session, study_uid),
        }


def _series(session: Session, study_uid: str) -> list[dict[str, Any]]:
    counted = session.execute(
        select(InstanceRow.series_uid, func.count())
        .where(InstanceRow.study_uid == study_uid)
        .group_by(InstanceRow.series_uid)
    )
    aside = session.execute(  # rejected: here, and in nobody's sight
        select(HeldRow.series_uid, func.count())
        .where(HeldRow.study_uid == study_uid)
        .group_by(HeldRow.series_uid)
    )
    counts = {row[0]: row[1] for row in (*aside, *counted)}
    rejected = _rejected(session, study_uid)
    rows = session.scalars(
        select(SeriesRow).where(SeriesRow.study_uid == study_uid).order_by(SeriesRow.uid)
    )
    return [
        {
            "series_uid": row.uid,
            "modality": row.modality,
            "description": row.description,
            "label": row.label,
            "synthetic": row.synthetic,
            "instances": counts.get(row.uid, 0),
            "verdict": row.verdict,
            "reasons": row.reasons or [],
            "tasks": row.tasks or {},
            "rejected": rejected.get(row.uid, []),
        }
        for row in rows
    ]


def _rejected(session: Session, study_uid: str) -> dict[str, list[dict[str, Any]]]:
    """Return why series are not to be used any more, and by which notes that is told."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in Rejections(session).of_studies([study_uid]):
        found.setdefault(one.series_uid, []).append(
            {
                "because": str(one.because),
                "by": one.by,
                "why": one.why,
                "at": one.at.isoformat(),
                "note_series_uid": one.note_series_uid,
                "note_uid": one.note_uid,
                "told": one.told,
                "error": one.error,
            }
        )
    return found


def _rules(session: Session, study_uid: str) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(DecisionRow).where(DecisionRow.study_uid == study_uid).order_by(DecisionRow.rule)
    )
    return [{"rule": row.rule, "fired": row.fired, "unmet": row.unmet} for row in rows]


def _jobs(session: Session, study_uid: str) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(JobRow).where(JobRow.study_uid == study_uid).order_by(JobRow.id)
    ).all()
    marked = copies(session, study_uid)
    wanted = session.scalars(
        select(WantedRow).where(WantedRow.job_id.in_([row.id for row in rows]))
    ).all()
    return [
        {
            "id": row.id,
            "rule": row.rule,
            "rules": sorted(want.rule for want in wanted if want.job_id == row.id),
            "task": row.task,
            "grid": row.grid,
            "state": row.state,
            "model": asdict(model_of(row)),
            "attempts": row.attempts,
            "reasons": row.reasons,
            "series_uids": row.series_uids,
            "companions": row.model.get(COMPANIONS, []),
            "marked": marked.get(row.id),
            "decided": row.decided,
            "sources": [{"label": label, "series_uid": uid} for label, uid, _ in row.sources],
        }
        for row in rows
    ]


def _conflicts(session: Session, study_uid: str) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(ConflictRow).where(ConflictRow.study_uid == study_uid).order_by(ConflictRow.id)
    )
    return [
        {
            "sop_instance_uid": row.sop_instance_uid,
            "series_uid": row.series_uid,
            "sender": row.sender,
            "received_at": row.received_at.isoformat(),
            "path": row.path,
        }
        for row in rows
    ]


def _deleted(session: Session, study_uid: str) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(DeletionRow).where(DeletionRow.study_uid == study_uid).order_by(DeletionRow.id)
    )
    return [
        {
            "what": row.what,
            "instances": row.instances,
            "rule": row.rule,
            "deleted_at": row.deleted_at.isoformat(),
        }
        for row in rows
    ]
