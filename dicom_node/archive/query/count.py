"""Attributes that are found out when asked for: numbers of what lies below (PS3.4 C.3.4)."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Executable, func, select
from sqlalchemy.orm import Session

from dicom_node.archive.query.attributes import COUNTED
from dicom_node.archive.query.header import Header
from dicom_node.archive.query.narrow import IS_SHOWN, SERIES_IS_HERE, STUDY_IS_HERE
from dicom_node.archive.query.rows import Key
from dicom_node.db import InstanceRow, SeriesRow, StudyRow

__all__ = ["counted"]


def counted(session: Session, asked: Collection[str], keys: Collection[Key]) -> dict[Key, Header]:
    """Return the counted attributes among ``asked``, for each key that has them."""
    found: dict[Key, dict[str, Any]] = defaultdict(dict)
    studies = {key[0] for key in keys}
    for keyword in COUNTED:
        if keyword in asked:
            values = _COUNTS[keyword](session, studies)
            attribute = COUNTED[keyword]
            for key in keys:
                value = values.get(key[: _LENGTH.get(keyword, 1)])
                if value:
                    found[key][attribute.key] = {"vr": attribute.vr, "Value": value}
    return dict(found)


_LENGTH = {"NumberOfSeriesRelatedInstances": 2}
"""Of the part of a key that a number belongs to, where it is not the study alone."""


def _grouped(session: Session, statement: Executable) -> dict[Key, list[Any]]:
    """Return the last column of rows, all of a key together, by the columns before it."""
    found: dict[Key, list[Any]] = defaultdict(list)
    for *key, value in session.execute(statement):
        found[tuple(key)].append(value)
    return found


def _modalities(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
    row = SeriesRow
    query = select(row.study_uid, row.modality).where(
        row.study_uid.in_(studies), row.modality.is_not(None), SERIES_IS_HERE
    )
    return _grouped(session, query.distinct().order_by(row.study_uid, row.modality))


def _classes(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
    row = InstanceRow
    query = select(row.study_uid, row.sop_class_uid).where(row.study_uid.in_(studies), IS_SHOWN)
    return _grouped(session, query.distinct().order_by(row.study_uid, row.sop_class_uid))


def _series_of_study(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
    row = InstanceRow  # of a series that retention has deleted the row stays
    number = func.count(row.series_uid.distinct())
    query = select(row.study_uid, number).where(row.study_uid.in_(studies), IS_SHOWN)
    return _grouped(session, query.group_by(row.study_uid))


def _instances_of_study(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
    row = InstanceRow
    query = select(row.study_uid, func.count()).where(row.study_uid.in_(studies), IS_SHOWN)
    return _grouped(session, query.group_by(row.study_uid))


def _instances_of_series(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
    row = InstanceRow
    query = select(row.study_uid, row.series_uid, func.count()).where(
        row.study_uid.in_(studies), IS_SHOWN
    )
    return _grouped(session, query.group_by(row.study_uid, row.series_uid))


def _of_patient(
    is_here: ColumnElement[bool], below: type[SeriesRow] | type[InstanceRow] | None = None
) -> Callable[[Session, Collection[str]], dict[Key, list[Any]]]:
    """Return what counts over all studies that have the patient ID of each study asked about.

    Parameters
    ----------
    is_here : ColumnElement
        What is counted of the rows, for some stay behind.
    below : type or None
        Whose rows; None: those of studies.
    """

    def count(session: Session, studies: Collection[str]) -> dict[Key, list[Any]]:
        row = StudyRow
        whose = select(row.uid, row.patient_id).where(row.uid.in_(studies))
        patients = {uid: patient for uid, patient in session.execute(whose) if patient}
        query = select(row.patient_id, func.count()).where(is_here)
        if below is not None:
            query = query.join(below, below.study_uid == row.uid)
        query = query.where(row.patient_id.in_(set(patients.values()))).group_by(row.patient_id)
        numbers = _grouped(session, query)
        return {(uid,): numbers.get((patient,), []) for uid, patient in patients.items()}

    return count


_COUNTS: Mapping[str, Callable[[Session, Collection[str]], dict[Key, list[Any]]]] = {
    "NumberOfPatientRelatedStudies": _of_patient(STUDY_IS_HERE),
    "NumberOfPatientRelatedSeries": _of_patient(SERIES_IS_HERE, SeriesRow),
    "NumberOfPatientRelatedInstances": _of_patient(IS_SHOWN, InstanceRow),
    "ModalitiesInStudy": _modalities,
    "SOPClassesInStudy": _classes,
    "NumberOfStudyRelatedSeries": _series_of_study,
    "NumberOfStudyRelatedInstances": _instances_of_study,
    "NumberOfSeriesRelatedInstances": _instances_of_series,
}
