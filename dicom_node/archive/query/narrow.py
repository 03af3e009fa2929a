"""Matching keys as SQL: what an index can rule out. Never more than that: Python decides."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from dicom_node.archive.query.attributes import Level
from dicom_node.archive.query.condition import Condition, asked_groups
from dicom_node.db import (
    ConflictRow,
    HeldRow,
    InstanceRow,
    JobRow,
    PatientNameRow,
    RejectionRow,
    SeriesRow,
    StudyRow,
)
from dicom_node.db.tables import LONGEST_SORTED
from dicom_node.values import JobState, Origin, Role

__all__ = [
    "IS_SHOWN",
    "MOST_UIDS",
    "SERIES_IS_HERE",
    "STUDY_IS_HERE",
    "UIDS",
    "counting",
    "narrowed",
    "sorted_by_uid",
]

MOST_UIDS = 500
"""In one statement; longer lists are asked for piece by piece."""
_AFTER_ALL = "\U0010ffff"
Column = InstrumentedAttribute[Any]
Keys = Select[str] | Select[str, str] | Select[str, str, str]


def _waits(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether one of these waits for a person, or bears on its face that it did."""
    query = select(HeldRow.sop_instance_uid).join(JobRow, JobRow.id == HeldRow.job_id)
    waiting = or_(HeldRow.role == Role.MARKED, JobRow.state == JobState.HELD)
    return query.where(waiting, *which).correlate(InstanceRow).exists()


_REJECTED = (
    select(RejectionRow.series_uid)
    .where(RejectionRow.series_uid == InstanceRow.series_uid)
    .correlate(InstanceRow)
    .exists()
)
"""Whether its series is not to be used any more, whoever has sent it here: it is known by its UID
when nothing else of it is left."""

IS_SHOWN = and_(
    ~_REJECTED,
    or_(
        InstanceRow.origin == Origin.MADE,
        and_(
            ~_waits(HeldRow.sop_instance_uid == InstanceRow.sop_instance_uid),
            ~_waits(
                HeldRow.study_uid == InstanceRow.study_uid,
                HeldRow.series_uid == InstanceRow.series_uid,
            ),
        ),
    ),
)
"""Not what is rejected; nor what waits for a person, or is marked so, and was sent back by somebody
who was given it."""


def _series_is_here(row: type[SeriesRow]) -> ColumnElement[bool]:
    """Return whether anything of a series is: of one that retention has deleted the row stays."""
    mine = InstanceRow.study_uid == row.study_uid, InstanceRow.series_uid == row.uid
    return select(InstanceRow.sop_instance_uid).where(*mine, IS_SHOWN).correlate(row).exists()


SERIES_IS_HERE = _series_is_here(SeriesRow)
STUDY_IS_HERE = and_(
    func.coalesce(StudyRow.erased_at, null()).is_(None),  # no index: of nearly all studies it holds
    or_(
        and_(
            ~select(ConflictRow.id).where(ConflictRow.study_uid == StudyRow.uid).exists(),
            ~select(HeldRow.job_id).where(HeldRow.study_uid == StudyRow.uid).exists(),
            ~select(RejectionRow.by).where(RejectionRow.study_uid == StudyRow.uid).exists(),
        ),
        select(InstanceRow.sop_instance_uid)
        .where(InstanceRow.study_uid == StudyRow.uid, IS_SHOWN)
        .exists(),
    ),
)
"""Not where all that it has is kept apart: its UIDs taken by what is in other studies, held, or
rejected. Few studies have any of that, and only of these the instances are looked for."""

_TEXTS: dict[str, Column] = {
    "PatientID": StudyRow.patient_id,
    "AccessionNumber": StudyRow.accession_number,
}
_UIDS: dict[str, Column] = {
    "StudyInstanceUID": StudyRow.uid,
    "SeriesInstanceUID": SeriesRow.uid,
    "SOPInstanceUID": InstanceRow.sop_instance_uid,
    "SOPClassUID": InstanceRow.sop_class_uid,
}

UIDS = frozenset(_UIDS)
"""Keywords whose conditions the index decides alone."""


def narrowed(level: Level, conditions: Sequence[Condition]) -> Iterator[Keys]:
    """Yield statements whose answers together hold whatever matches, as UIDs from the study down.

    Several where a list of UIDs is long; no two of them answer the same.
    """
    indexed = [one for one in conditions if one.attribute.keyword in _UIDS]
    lists = [one for one in indexed if len(one.wanted) > MOST_UIDS]
    longest = max(lists, key=lambda one: len(one.wanted), default=None)
    if longest is None:
        yield _statement(level, conditions)
        return
    others = [one for one in conditions if one is not longest]
    uids = list(dict.fromkeys(longest.wanted))
    for start in range(0, len(uids), MOST_UIDS):
        piece = Condition(longest.attribute, tuple(uids[start : start + MOST_UIDS]))
        yield from narrowed(level, [*others, piece])


def counting(statement: Keys) -> Select[int]:
    """Return a statement that says how many answers another one has."""
    return select(func.count()).select_from(statement.order_by(None).subquery())


def sorted_by_uid(level: Level, statement: Keys) -> Keys:
    """Return a statement whose answers come in an order that stays; images by their numbers."""
    if level in (Level.PATIENT, Level.STUDY):
        return statement.order_by(StudyRow.uid)
    if level is Level.SERIES:
        return statement.order_by(SeriesRow.study_uid, SeriesRow.uid)
    return statement


def _statement(level: Level, conditions: Sequence[Condition]) -> Keys:
    clauses = [clause for one in conditions if not one.is_universal for clause in _clauses(one)]
    if level in (Level.PATIENT, Level.STUDY):
        return select(StudyRow.uid).where(STUDY_IS_HERE, *clauses)
    if level is Level.SERIES:
        joined = select(SeriesRow.study_uid, SeriesRow.uid)
        joined = joined.join(StudyRow, StudyRow.uid == SeriesRow.study_uid)
        return joined.where(SERIES_IS_HERE, *clauses)
    return (
        select(InstanceRow.study_uid, InstanceRow.series_uid, InstanceRow.sop_instance_uid)
        .join(
            SeriesRow,
            and_(
                SeriesRow.study_uid == InstanceRow.study_uid,
                SeriesRow.uid == InstanceRow.series_uid,
            ),
        )
        .join(StudyRow, StudyRow.uid == InstanceRow.study_uid)
        .where(IS_SHOWN, *clauses)
        .order_by(
            InstanceRow.study_uid,
            InstanceRow.series_uid,
            InstanceRow.number,
            InstanceRow.sop_instance_uid,
        )
    )


def _clauses(condition: Condition) -> Iterator[ColumnElement[bool]]:
    """Yield what the index can say to a condition; nothing where it has nothing to say."""
    keyword, wanted = condition.attribute.keyword, condition.wanted
    if keyword in _UIDS:
        yield _UIDS[keyword].in_(wanted)
    elif keyword in _TEXTS:
        yield or_(*(_like(_TEXTS[keyword], value.strip()) for value in wanted))
    elif keyword == "StudyDate":
        yield or_(*(_within(StudyRow.study_date, one.low, one.high) for one in condition.ranges))
    elif keyword == "PatientName":
        groups = [group for value in wanted if (group := asked_groups(value)[0])]
        names = select(PatientNameRow.study_uid)
        if groups and len(groups) == len(wanted):
            names = names.where(or_(*(_like(PatientNameRow.name, group) for group in groups)))
            yield StudyRow.uid.in_(names)
    elif keyword == "ModalitiesInStudy" and not _has_stars(wanted):
        any_of = aliased(SeriesRow)  # of the study, whichever series is asked for
        has_one = any_of.study_uid == StudyRow.uid, any_of.modality.in_(wanted)
        yield select(any_of.uid).where(*has_one, _series_is_here(any_of)).exists()
    elif keyword == "Modality" and not _has_stars(wanted):
        yield SeriesRow.modality.in_(wanted)


def _like(column: Column, pattern: str) -> ColumnElement[bool]:
    """Return what holds for whatever matches ``pattern``: its letters up to the first star.

    Of long ones fewer than are kept: those of what was cut are a beginning, too.
    """
    start = pattern.replace("?", "*").split("*")[0]
    if start == pattern and len(pattern) < LONGEST_SORTED:
        return column == pattern
    start = start[: LONGEST_SORTED - 1]
    return and_(column >= start, column <= start + _AFTER_ALL)


def _within(column: Column, low: str, high: str) -> ColumnElement[bool]:
    ends = [column >= low] if low else []
    return and_(column.is_not(None), *ends, *([column <= high] if high else []))


def _has_stars(wanted: Sequence[str]) -> bool:
    return any(letter in value for value in wanted for letter in "*?")
