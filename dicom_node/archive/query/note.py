"""What a study and a series are searched by, put into their rows once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, update

from dicom_node.archive.query.attributes import KEPT, Level
from dicom_node.archive.query.condition import groups_of, moment
from dicom_node.archive.query.header import Header, values_of
from dicom_node.db import PatientNameRow, SeriesRow, StudyRow
from dicom_node.db.tables import LONGEST_SORTED
from dicom_node.db.upsert import insert_into

__all__ = ["Headers", "note_headers"]

Headers = Mapping[Level, Mapping[str, Any]]
_OF_STUDY = (Level.PATIENT, Level.STUDY)


def note_headers(connection: Connection, study_uid: str, series_uid: str, headers: Headers) -> None:
    """Keep the headers of a study and of one of its series, unless they have theirs.

    The first object to come speaks for its study: what later ones say otherwise is for the gates
    to see (:mod:`dicom_node.series`), and changes no answer.
    """
    study = {key: value for level in _OF_STUDY for key, value in headers[level].items()}
    result = connection.execute(
        update(StudyRow)
        .where(StudyRow.uid == study_uid, StudyRow.header.is_(None))
        .values(
            header=study,
            patient_id=_sorted(_text(study, "PatientID")),
            accession_number=_sorted(_text(study, "AccessionNumber")),
            study_date=_sorted(moment("DA", _text(study, "StudyDate") or "") or None),
        )
    )
    if result.rowcount:
        _add_names(connection, study_uid, study)
    series = headers[Level.SERIES]
    connection.execute(
        update(SeriesRow)
        .where(
            SeriesRow.study_uid == study_uid,
            SeriesRow.uid == series_uid,
            SeriesRow.header.is_(None),
        )
        .values(
            header=dict(series),
            modality=func.coalesce(SeriesRow.modality, _text(series, "Modality")),
            description=func.coalesce(SeriesRow.description, _text(series, "SeriesDescription")),
        )
    )


def _add_names(connection: Connection, study_uid: str, header: Header) -> None:
    names = {_sorted(group) for value in values_of(header, KEPT["PatientName"]) if value
             for group in groups_of(value)}  # fmt: skip
    rows = [{"name": name, "study_uid": study_uid} for name in sorted(filter(None, names))]
    if rows:
        connection.execute(insert_into(connection, PatientNameRow).on_conflict_do_nothing(), rows)


def _sorted(text: str | None) -> str | None:
    """Return as much of a text as its index takes; the whole is in the header."""
    return text and text[:LONGEST_SORTED]


def _text(header: Header, keyword: str) -> str | None:
    """Return the first value; PostgreSQL keeps no text with a zero in it."""
    values = values_of(header, KEPT[keyword])
    return str(values[0]).replace("\0", "") if values and values[0] is not None else None
