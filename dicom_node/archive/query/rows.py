"""Headers of rows: what an answer is made of, study by study, series by series, image by image."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from dicom_node.archive.query.attributes import KEPT, Level
from dicom_node.archive.query.header import Header, header_of_file
from dicom_node.db import InstanceRow, SeriesRow, StudyRow

__all__ = ["Key", "headers_of", "needs_file"]

Key = tuple[str, ...]
"""UIDs from the study down, as far as the level goes."""
_NUMBER = "InstanceNumber"
_ON_ROW = frozenset({"SOPInstanceUID", "SOPClassUID", _NUMBER})
"""Of an image's attributes these need no look into its file."""


def needs_file(asked: Iterable[str]) -> bool:
    """Whether one of these keywords is known by the file alone."""
    return any(
        KEPT[keyword].level is Level.IMAGE and keyword not in _ON_ROW
        for keyword in asked
        if keyword in KEPT
    )


def headers_of(
    session: Session, keys: Collection[Key], asked: Collection[str], folder: Path
) -> dict[Key, Header]:
    """Return the headers of rows, those of the levels above in each; what is gone is absent.

    Parameters
    ----------
    keys : collection of tuple
        All of one level.
    asked : collection of str
        Keywords that are wanted; files are opened only where one of them needs it.
    folder : Path
        The archive's.
    """
    studies = _studies(session, {key[:1] for key in keys})
    found = {key: studies[key[:1]] for key in keys if key[:1] in studies}
    if any(len(key) > 1 for key in keys):
        series = _series(session, {key[:2] for key in keys})
        found = {key: {**one, **series[key[:2]]} for key, one in found.items() if key[:2] in series}
    if any(len(key) > 2 for key in keys):
        images = _images(session, set(keys), asked, folder)
        found = {key: {**one, **images[key]} for key, one in found.items() if key in images}
    return found


def _studies(session: Session, keys: Collection[Key]) -> dict[Key, Header]:
    query = select(StudyRow.uid, StudyRow.header).where(StudyRow.uid.in_({key[0] for key in keys}))
    return {
        (uid,): {**(header or {}), **_value("StudyInstanceUID", uid)}
        for uid, header in session.execute(query)
    }


def _series(session: Session, keys: Collection[Key]) -> dict[Key, Header]:
    row = SeriesRow
    query = select(row.study_uid, row.uid, row.header, row.modality, row.synthetic).where(
        tuple_(row.study_uid, row.uid).in_(sorted(keys))
    )
    found: dict[Key, Header] = {}
    for study_uid, uid, header, modality, synthetic in session.execute(query):
        known = {**(header or {}), **_value("SeriesInstanceUID", uid)}
        if modality:
            known |= _value("Modality", modality)
        if synthetic or not known.get(KEPT["SyntheticData"].key):
            known |= _value("SyntheticData", "YES" if synthetic else "NO")
        found[study_uid, uid] = known
    return found


def _images(
    session: Session, keys: Collection[Key], asked: Collection[str], folder: Path
) -> dict[Key, Header]:
    row, opens = InstanceRow, needs_file(asked)
    query = select(row).where(row.sop_instance_uid.in_({key[2] for key in keys}))
    found: dict[Key, Header] = {}
    for one in session.scalars(query):
        known: dict[str, Any] = {}
        if opens or (one.number is None and _NUMBER in asked):  # or an earlier version wrote it
            known |= _of_file(folder / one.path, one.transfer_syntax_uid)
        known |= _value("SOPInstanceUID", one.sop_instance_uid)
        known |= _value("SOPClassUID", one.sop_class_uid)
        if one.number is not None:
            known |= _value("InstanceNumber", one.number)
        found[one.study_uid, one.series_uid, one.sop_instance_uid] = known
    return found


def _of_file(path: Path, transfer_syntax_uid: str) -> Mapping[str, Any]:
    try:
        return header_of_file(path, transfer_syntax_uid, (Level.IMAGE,))[Level.IMAGE]
    except OSError:  # gone meanwhile: what its row says is still true of what was asked
        return {}


def _value(keyword: str, value: object) -> dict[str, Any]:
    attribute = KEPT[keyword]
    return {attribute.key: {"vr": attribute.vr, "Value": [value]}}
