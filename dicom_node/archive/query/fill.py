"""Headers for rows that a version without them wrote: read from the files, a few at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive.query.attributes import KEPT, Level
from dicom_node.archive.query.header import header_of_file, values_of
from dicom_node.archive.query.note import Headers, note_headers
from dicom_node.db import Database, InstanceRow, SeriesRow

__all__ = ["HeaderFiller"]

_log = log.get("archive")
_FILES = 100
_LARGEST_IS = 2**31 - 1
_TRIED = 3
"""Files of a series that are tried until one can be read."""


@dataclass(frozen=True, slots=True)
class _File:
    """Where an instance lies."""

    sop_instance_uid: str
    path: Path
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A series, and those of its instances whose number is read in this tick."""

    key: tuple[str, str]
    files: tuple[_File, ...]
    is_last: bool


class HeaderFiller:
    """Fills ``header`` of studies and series, and ``number`` of instances, where they are empty.

    A series is whole once it has its header; one that was cut off is begun again after a restart.
    What cannot be read is left for the next start: a disk may be away.

    Parameters
    ----------
    database : Database
        Where the rows are.
    folder : Path
        The archive's.
    files : int
        How many files are read in one tick.
    """

    def __init__(self, database: Database, folder: Path, files: int = _FILES) -> None:
        self._database = database
        self._folder = folder
        self._files = files
        self._series = ("", "")  # the last that was looked at
        self._instance = ""  # the last of the series after it that was
        self._filled = self._unread = 0
        self._is_done = False

    def tick(self, now: datetime) -> int:  # noqa: ARG002 - the shape of every stage
        """Do a piece of it; return how many files were read.

        Raises
        ------
        DatabaseAway
            When the database does not answer; the next tick goes on from here.
        """
        left = self._files
        while left > 0 and not self._is_done:
            piece = self._next(left)
            if piece is None:
                self._finish()
                break
            self._fill(piece)
            left -= 1 + len(piece.files)
        return self._files - left

    def _next(self, most: int) -> _Piece | None:
        """Return what is next to do, in the order of UIDs."""
        row, series = InstanceRow, SeriesRow
        with self._database.reading() as session:
            key = session.execute(
                select(series.study_uid, series.uid)
                .where(
                    series.header.is_(None),
                    tuple_(series.study_uid, series.uid) > tuple_(*self._series),
                )
                .order_by(series.study_uid, series.uid)
                .limit(1)
            ).first()
            if key is None:
                return None
            rows = session.scalars(
                select(row)
                .where(
                    row.study_uid == key[0],
                    row.series_uid == key[1],
                    row.number.is_(None),
                    row.sop_instance_uid > self._instance,
                )
                .order_by(row.sop_instance_uid)
                .limit(most)
            ).all()
            files = tuple(self._file(one) for one in rows)
        return _Piece((key[0], key[1]), files, is_last=len(files) < most)

    def _fill(self, piece: _Piece) -> None:
        numbers = {one.sop_instance_uid: _number(one) for one in piece.files}
        headers = self._headers(piece.key) if piece.is_last else None
        with self._database.transaction() as session:
            for uid, number in numbers.items():
                if number is not None:
                    of_instance = update(InstanceRow).where(InstanceRow.sop_instance_uid == uid)
                    session.execute(of_instance.values(number=number))
            if headers is not None:
                note_headers(session.connection(), *piece.key, headers)
        if not piece.is_last:
            self._instance = piece.files[-1].sop_instance_uid
            return
        self._series, self._instance = piece.key, ""
        self._filled += headers is not None
        self._unread += headers is None

    def _headers(self, key: tuple[str, str]) -> Headers | None:
        """Return what is kept of a series and its study; None where no file can be read.

        The first object to come speaks, as it does for what comes now.
        """
        with self._database.reading() as session:
            of_study = self._first(session, InstanceRow.study_uid == key[0])
            of_series = self._first(
                session, InstanceRow.study_uid == key[0], InstanceRow.series_uid == key[1]
            )
        study, series = _read(of_study), _read(of_series)
        if study is None or series is None:
            return None
        return {**study, Level.SERIES: series[Level.SERIES]}

    def _first(self, session: Session, *where: Any) -> Sequence[_File]:
        row = InstanceRow
        earliest = select(row).where(*where).order_by(row.received_at, row.sop_instance_uid)
        return [self._file(one) for one in session.scalars(earliest.limit(_TRIED))]

    def _file(self, row: InstanceRow) -> _File:
        return _File(row.sop_instance_uid, self._folder / row.path, row.transfer_syntax_uid)

    def _finish(self) -> None:
        self._is_done = True
        if self._unread:
            _log.warning("headers not filled", series=self._unread, why="their files are not there")
        if self._filled:
            _log.info("headers filled", series=self._filled)


def _read(files: Sequence[_File]) -> Mapping[Level, Mapping[str, Any]] | None:
    for one in files:
        try:
            return header_of_file(one.path, one.transfer_syntax_uid, Level.SERIES.above)
        except OSError:
            continue
    return None


def _number(file: _File) -> int | None:
    """Return the Instance Number of a file; None where it has none that a database keeps."""
    try:
        header = header_of_file(file.path, file.transfer_syntax_uid, (Level.IMAGE,))[Level.IMAGE]
    except OSError:
        return None
    values = values_of(header, KEPT["InstanceNumber"])
    number = values[0] if values else None
    return number if isinstance(number, int) and abs(number) <= _LARGEST_IS else None
