"""Whether every row has its file with its hash, and every file its row.

It looks at one study after another while others write: what seems wrong is looked at twice, and a
file that is younger than an hour may still get its row.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from dicom_node.archive.part10 import dataset_offset, is_meta_of
from dicom_node.archive.upkeep.sweep import ORPHANS, SAFE_AGE
from dicom_node.db import ConflictRow, Database, DoomedRow, HeldRow, InstanceRow, StudyRow
from dicom_node.errors import NotDicom

__all__ = ["Fault", "Report", "count_files", "verify"]

_NAMING = (InstanceRow, ConflictRow, HeldRow)
_PAGE = 500
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Parameters
    ----------
    what : {"missing", "unreadable", "changed", "no row"}
        No file, or one that cannot be read; other content than its row says; a file of no row.
    path : str
        Relative to the archive's folder.
    study_uid, sop_instance_uid : str
        Of the row; empty where there is none.
    """

    what: str
    path: str
    study_uid: str = ""
    sop_instance_uid: str = ""


@dataclass(slots=True)
class Report:
    """What was looked at, and what of it is wrong.

    Parameters
    ----------
    orphans : int
        Files that a sweep has put apart since no row names them.
    """

    studies: int = 0
    files: int = 0
    size: int = 0
    orphans: int = 0
    faults: list[Fault] = field(default_factory=list)


class _Row(NamedTuple):
    """What a row says of its file; of what lies apart it does not say class and encoding."""

    path: str
    sha256: str
    sop_instance_uid: str
    sop_class_uid: str = ""
    transfer_syntax_uid: str = ""


def count_files(database: Database) -> int:
    """Return how many files rows name."""
    with database.reading() as session:
        counts = (select(func.count()).select_from(table) for table in _NAMING)
        return sum(int(session.scalar(count) or 0) for count in counts)


def verify(
    database: Database, folder: Path, now: datetime, looked_at: Callable[[int], None]
) -> Report:
    """Look at every row and every file of the archive in ``folder``.

    Parameters
    ----------
    looked_at : callable
        Told after each study how many files that were.

    Raises
    ------
    DatabaseAway
        When the database does not answer.
    """
    look = _Look(database, folder, now)
    for study_uid in look.studies():
        looked_at(look.study(study_uid))
    for place in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
        if place.is_dir() and place not in look.seen:
            looked_at(look.strange(place))
    look.report.orphans = sum(1 for _ in (folder / ORPHANS).glob("*/*/*.dcm"))
    return look.report


class _Look:
    """One run."""

    def __init__(self, database: Database, folder: Path, now: datetime) -> None:
        self._database = database
        self._folder = folder
        self._before = now - SAFE_AGE
        self.seen: set[Path] = set()
        self.report = Report()

    def studies(self) -> Iterator[str]:
        """Yield every study that has objects here."""
        last = ""
        while True:
            query = select(StudyRow.uid).where(StudyRow.uid > last, StudyRow.erased_at.is_(None))
            with self._database.reading() as session:
                page = session.scalars(query.order_by(StudyRow.uid).limit(_PAGE)).all()
            if not page:
                return
            yield from page
            last = page[-1]

    def study(self, study_uid: str) -> int:
        """Look at one study; return how many files that were."""
        rows = self._rows(study_uid)
        places = {(self._folder / row.path).parent for row in rows}
        strays = {path for place in places for path in self._old(place)}
        strays -= {row.path for row in rows}
        wrong = [row for row in rows if self._is_wrong(row)]
        again = set(self._rows(study_uid)) if wrong or strays else set()
        for row in wrong:  # one that was deleted meanwhile is owed no file
            what, _ = self._what(row)
            if row in again and what:
                self._note(Fault(what, row.path, study_uid, row.sop_instance_uid))
        self._note_strays(strays - {row.path for row in again})
        self.seen |= places
        self.report.studies += 1
        return len(rows)

    def strange(self, place: Path) -> int:
        """Look at a folder of no study that is known; return how many files that were."""
        strays = self._old(place)
        with self._database.reading() as session:
            for table in _NAMING:
                strays -= set(session.scalars(select(table.path).where(table.path.in_(strays))))
        self._note_strays(strays)
        return len(strays)

    def _note_strays(self, strays: set[str]) -> None:
        """Note files that no row names; those that wait to be deleted are in order."""
        if strays:
            with self._database.reading() as session:
                query = select(DoomedRow.path).where(DoomedRow.path.in_(strays))
                strays = strays - set(session.scalars(query))
        for path in sorted(strays):
            self._note(Fault("no row", path))

    def _note(self, fault: Fault) -> None:
        self.report.faults.append(fault)

    def _rows(self, study_uid: str) -> list[_Row]:
        found = []
        for table in _NAMING:
            names = _Row._fields[:3] if table is ConflictRow else _Row._fields
            query = select(*(getattr(table, name) for name in names))
            query = query.where(table.study_uid == study_uid).order_by(table.path)
            with self._database.reading() as session:
                found += [_Row(*row) for row in session.execute(query)]
        return found

    def _is_wrong(self, row: _Row) -> bool:
        what, size = self._what(row)
        self.report.files += 1
        self.report.size += size
        return bool(what)

    def _what(self, row: _Row) -> tuple[str, int]:
        """Return what is wrong with the file of a row, if anything is, and its size."""
        try:
            with (self._folder / row.path).open("rb") as file:
                head = file.read(_HEAD)
                offset = dataset_offset(head)
                file.seek(offset)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except FileNotFoundError:
            return "missing", 0
        except OSError:
            return "unreadable", 0
        except NotDicom:
            return "changed", 0
        uids = row.sop_class_uid, row.sop_instance_uid, row.transfer_syntax_uid
        same = not row.sop_class_uid or is_meta_of(head, *uids)
        return "" if same and digest == row.sha256 else "changed", size

    def _old(self, place: Path) -> set[str]:
        """Return the files of a folder that are old enough to have a row."""
        found = set()
        for file in place.glob("*.dcm"):
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(file.stat().st_mtime, UTC) < self._before:
                    found.add(str(file.relative_to(self._folder)))
        return found
