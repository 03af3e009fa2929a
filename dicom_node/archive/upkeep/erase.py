"""Files after rows: what was condemned goes from the disk, unless a row names it again.

A study may be sent again at any moment, and the same content has the same file. So a file is moved
aside before its row is looked for the last time, and put back where there is one; whoever commits a
row looks for its file afterwards, and writes it again where it is gone. One of the two sees the
other. A file that was written less than an hour ago is left alone: its row may be on the way.

Each file stands in a row of ``doomed`` until it is gone for good, and has one name only when it is
moved aside. So whatever moment a crash comes at, the next run finds all that is left to do.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import and_, delete, select, update
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive.files import sync_folder
from dicom_node.archive.upkeep.hold import erasing
from dicom_node.archive.upkeep.sweep import SAFE_AGE
from dicom_node.db import ConflictRow, Database, DoomedRow, HeldRow, InstanceRow
from dicom_node.errors import ArchiveBroken

__all__ = ["Eraser"]

_log = log.get("retention")
_NAMING = (InstanceRow, ConflictRow, HeldRow)
"""Tables whose rows name files that stay."""
_ASIDE = ".doomed"
_AT_ONCE = 500


class Eraser:
    """Deletes the files of condemned objects.

    Parameters
    ----------
    database : Database
    folder : Path
        The archive's.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def tick(self, now: datetime) -> int:
        """Delete some of the files that are due; return how many are gone.

        While a backup runs none is deleted: it copies what its rows name.

        Raises
        ------
        DatabaseAway, ArchiveBroken
            When database or disk do not answer; what is left is done later.
        """
        self.rescue()
        with self._database.reading() as session:
            query = select(DoomedRow.path, DoomedRow.sop_instance_uid).where(DoomedRow.due <= now)
            rows = session.execute(query.order_by(DoomedRow.due, DoomedRow.path).limit(_AT_ONCE))
            due = {row[0]: row[1] for row in rows}
        if not due:
            return 0
        with erasing(self._folder) as may:
            if not may:
                _log.info("deleting waits", files=len(due), why="a backup is being made")
                return 0
            try:
                return sum(self._empty(due, paths, now) for paths in _by_folder(due))
            except OSError as exc:
                text = (
                    f"files cannot be deleted: {exc.strerror}; check the disk and its permissions"
                )
                raise ArchiveBroken(text) from exc

    def rescue(self) -> int:
        """Give files back whose objects came again; return how many.

        Worth doing before a node starts: after a crash such a file may still lie aside. It has its
        name for good before its row of ``doomed`` goes: nothing else would look for it aside.

        Raises
        ------
        ArchiveBroken
            When the disk cannot be written.
        """
        with self._database.reading() as session:
            again = sorted(_named_again(session))
        for path in again:
            self._put_back(path)
        for folder in {(self._folder / path).parent for path in again}:
            if folder.is_dir():  # else nothing could be put back, and whoever has the row writes it
                sync_folder(folder)
        self._forget(again)
        return len(again)

    def _empty(self, due: Mapping[str, str], paths: Sequence[str], now: datetime) -> int:
        """Delete the files of one folder; those that are young, or named again, stay."""
        young = [path for path in paths if _is_young(self._folder / path, now)]
        aside = [path for path in paths if path not in young and self._move_aside(path)]
        with self._database.reading() as session:
            named = _named(session, {due[path] for path in aside}).intersection(aside)
        young += [path for path in aside if path not in named and _is_young(self._aside(path), now)]
        for path in aside:
            if path in named or path in young:
                self._put_back(path)
            else:
                self._aside(path).unlink(missing_ok=True)
        self._tidy((self._folder / paths[0]).parent)
        self._postpone(young, now)
        self._forget([path for path in paths if path not in young])
        return len(paths) - len(young) - len(named)

    def _aside(self, path: str) -> Path:
        return self._folder / (path + _ASIDE)

    def _move_aside(self, path: str) -> bool:
        """Return whether there is a file to delete, moved aside now or before a crash."""
        with suppress(FileNotFoundError):
            (self._folder / path).replace(self._aside(path))
        return self._aside(path).exists()

    def _put_back(self, path: str) -> None:
        """Return a file to its name; one that was written there meanwhile has the same content."""
        place = self._folder / path
        with suppress(FileNotFoundError):
            if place.exists():
                self._aside(path).unlink()
            else:
                self._aside(path).rename(place)

    def _tidy(self, folder: Path) -> None:
        """Delete a folder that is empty; see that what was deleted stays so."""
        with suppress(OSError):
            folder.rmdir()
        nearest = folder if folder.is_dir() else folder.parent
        if nearest.is_dir():
            sync_folder(nearest)

    def _postpone(self, paths: Sequence[str], now: datetime) -> None:
        if paths:
            with self._database.transaction() as session:
                which = DoomedRow.path.in_(paths)
                session.execute(update(DoomedRow).where(which).values(due=now + SAFE_AGE))

    def _forget(self, paths: Sequence[str]) -> None:
        for first in range(0, len(paths), _AT_ONCE):
            with self._database.transaction() as session:
                which = DoomedRow.path.in_(paths[first : first + _AT_ONCE])
                session.execute(delete(DoomedRow).where(which))


def _by_folder(paths: Iterable[str]) -> list[list[str]]:
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folders[path.rpartition("/")[0]].append(path)
    return list(folders.values())


def _named(session: Session, uids: Collection[str]) -> set[str]:
    """Return the files that rows of these instances name."""
    return {
        path
        for table in _NAMING
        for path in session.scalars(select(table.path).where(table.sop_instance_uid.in_(uids)))
    }


def _named_again(session: Session) -> set[str]:
    """Return the condemned files that a row names."""
    return {
        path
        for table in _NAMING
        for path in session.scalars(
            select(DoomedRow.path).join(
                table,
                and_(
                    table.sop_instance_uid == DoomedRow.sop_instance_uid,
                    table.path == DoomedRow.path,
                ),
            )
        )
    }


def _is_young(file: Path, now: datetime) -> bool:
    """Whether a file was written so lately that its row may be on the way."""
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC) > now - SAFE_AGE
    except FileNotFoundError:
        return False
