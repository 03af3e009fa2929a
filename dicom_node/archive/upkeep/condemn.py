"""Rows first: objects that are to go leave the database, and their files are noted."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from dicom_node.archive.upkeep.holding import Part
from dicom_node.db import (
    ConflictRow,
    DeletionRow,
    DoomedRow,
    HeldRow,
    InstanceRow,
    PatientNameRow,
    SeriesRow,
    StudyRow,
)
from dicom_node.db.upsert import insert_into
from dicom_node.values import Origin

__all__ = ["condemn"]

_OF_PART = {
    Part.RECEIVED: InstanceRow.origin != Origin.MADE,
    Part.MADE: InstanceRow.origin == Origin.MADE,
}


def condemn(session: Session, study_uid: str, part: Part, rule: str, now: datetime) -> int:
    """Delete the rows of one part of a locked study, and note its files; return how many.

    Once the caller has committed nobody is shown the objects, and :class:`Eraser` deletes the
    files. Series, decisions, jobs and deliveries stay, but not what names the patient: of a series
    without objects the headers go, with the last object those of the study.

    Parameters
    ----------
    session : Session
        The caller's; it is not committed.
    rule : str
        What says so, for ``why``.
    """
    mine = and_(InstanceRow.study_uid == study_uid, _OF_PART[part])
    doomed = _take(session, InstanceRow, mine, now)
    if part is Part.MADE:  # what is held keeps its study: this was rejected, and put aside
        doomed += _take(session, HeldRow, HeldRow.study_uid == study_uid, now)
    if part is Part.RECEIVED:
        doomed += _take(session, ConflictRow, ConflictRow.study_uid == study_uid, now)
    if doomed:
        session.execute(insert_into(session, DoomedRow).on_conflict_do_nothing(), doomed)
    deletion = {"what": part, "rule": rule, "deleted_at": now, "instances": len(doomed)}
    session.execute(insert_into(session, DeletionRow).values(study_uid=study_uid, **deletion))
    _weigh(session, study_uid, now)
    return len(doomed)


def _take(
    session: Session,
    table: type[InstanceRow] | type[ConflictRow] | type[HeldRow],
    which: ColumnElement[bool],
    now: datetime,
) -> list[dict[str, Any]]:
    rows = session.execute(select(table.path, table.sop_instance_uid).where(which)).all()
    session.execute(delete(table).where(which))
    return [{"path": path, "sop_instance_uid": uid, "due": now} for path, uid in rows]


def _weigh(session: Session, study_uid: str, now: datetime) -> None:
    """Write down what is left; where that is nothing, the study is not looked at again."""
    here = InstanceRow.study_uid == study_uid
    size, left = session.execute(
        select(func.coalesce(func.sum(InstanceRow.size), 0), func.count()).where(here)
    ).one()
    apart = select(func.count()).where(ConflictRow.study_uid == study_uid)
    aside = select(func.count()).where(HeldRow.study_uid == study_uid)
    nothing = not left and not session.scalar(apart) and not session.scalar(aside)
    _forget(session, study_uid, everything=not left)
    session.execute(
        update(StudyRow)
        .where(StudyRow.uid == study_uid)
        .values(stored_bytes=int(size), erased_at=now if nothing else None)
    )


def _forget(session: Session, study_uid: str, *, everything: bool) -> None:
    """Delete what was noted from headers whose objects are gone; what comes again notes its own."""
    here = select(InstanceRow.series_uid).where(InstanceRow.study_uid == study_uid)
    session.execute(
        update(SeriesRow)
        .where(SeriesRow.study_uid == study_uid, SeriesRow.uid.not_in(here))
        .values(header=None)
    )
    if everything:
        searched = {"patient_id": None, "accession_number": None, "study_date": None}
        of_study = update(StudyRow).where(StudyRow.uid == study_uid)
        session.execute(of_study.values(header=None, **searched))
        session.execute(delete(PatientNameRow).where(PatientNameRow.study_uid == study_uid))
