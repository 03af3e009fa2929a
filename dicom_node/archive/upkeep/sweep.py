"""Files without a row go to ``orphans``, and come back when they have one.

A crash before the commit leaves such a file, and nobody was told Success. So does a database that
was lost, exchanged or restored from a copy, and then somebody was. The two look alike, so nothing
is deleted: ``dicom-node ingest`` takes the orphans in again.

Other processes write meanwhile. A file is moved aside before its row is looked for the last time,
and whoever commits a row looks for its file afterwards: so one of the two sees the other.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from dicom_node.db import ConflictRow, Database, DoomedRow, HeldRow, InstanceRow

__all__ = ["ORPHANS", "SAFE_AGE", "sweep"]

ORPHANS = "orphans"
"""The folder of what has no row, beside the studies."""

SAFE_AGE = timedelta(hours=1)
"""Younger files are left alone: longer than any wait for the database, or for a job's results."""

_MARK = "swept.json"
_SLACK = timedelta(minutes=5)
_AT_ONCE = 500
_ASIDE = ".swept"


def sweep(database: Database, folder: Path, now: datetime) -> int:
    """Move files of ``folder`` that no row names to its ``orphans``; return how many.

    Only folders that changed since the last sweep are read, and only files older than
    :data:`SAFE_AGE` are touched: what is being received now has no row yet.

    Parameters
    ----------
    now : datetime
        UTC.

    Raises
    ------
    DatabaseAway
        When the database does not answer. What was moved aside is back in its place.
    """
    mark = folder / _MARK
    _take_back(database, folder)
    moved = 0
    for study in _changed(folder, _since(mark)):
        moved += _sweep_study(database, folder, study, now - SAFE_AGE)
    part = mark.with_suffix(".part")
    part.write_text(json.dumps({"swept_at": now.isoformat()}))
    part.replace(mark)
    return moved


def _take_back(database: Database, folder: Path) -> None:
    """Return orphans that have a row to their places: their database is there again."""
    files = sorted((folder / ORPHANS).glob("*/*/*.dcm"))
    for first in range(0, len(files), _AT_ONCE):
        some = {str(file.relative_to(folder / ORPHANS)): file for file in files[first:][:_AT_ONCE]}
        for place in _named(database, some):
            _move(some[place], folder / place)


def _since(mark: Path) -> datetime:
    """Return from when on changes count; from the beginning where no sweep is known of."""
    try:
        swept_at = datetime.fromisoformat(json.loads(mark.read_text())["swept_at"])
    except (OSError, KeyError, TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return swept_at.astimezone(UTC) - SAFE_AGE - _SLACK  # what was too young then may be due now


def _changed(folder: Path, since: datetime) -> Iterator[Path]:
    for shelf in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        for study in sorted(shelf.iterdir()):
            if study.is_dir() and _changed_at(study) >= since:
                yield study


def _sweep_study(database: Database, folder: Path, study: Path, before: datetime) -> int:
    for left in study.glob(f"*{_ASIDE}"):  # by a sweep that was cut off
        _put_back(left)
    files = [file for file in study.glob("*.dcm") if _is_older(file, before)]
    moved = 0
    for first in range(0, len(files), _AT_ONCE):
        some = {str(file.relative_to(folder)): file for file in files[first : first + _AT_ONCE]}
        moved += _sweep_files(database, folder, some, before)
    return moved


def _sweep_files(
    database: Database, folder: Path, files: Mapping[str, Path], before: datetime
) -> int:
    """Move what has no row aside, look again, and only then call it an orphan."""
    unnamed = files.keys() - _named(database, files)
    aside = {place: moved for place in unnamed if (moved := _move_aside(files[place]))}
    named, orphans = set(aside), 0  # without an answer every file goes back
    try:
        if aside:
            named = _named(database, aside)
    finally:
        for place, moved in aside.items():
            committed, sent_again = place in named, not _is_older(moved, before)
            if committed or sent_again:
                _put_back(moved)
            else:
                _move(moved, folder / ORPHANS / place)
                orphans += 1
    return orphans


def _named(database: Database, places: Collection[str]) -> set[str]:
    """Return those of ``places`` that a row names, if only to be deleted."""
    columns = (InstanceRow.path, ConflictRow.path, HeldRow.path, DoomedRow.path)
    with database.reading() as session:
        return {
            place
            for column in columns
            for place in session.scalars(select(column).where(column.in_(list(places))))
        }


def _move_aside(file: Path) -> Path | None:
    """Give a file a name that only this sweep knows; None where it is gone."""
    moved = file.with_name(f"{file.name}.{uuid4().hex}{_ASIDE}")
    try:
        return file.rename(moved)
    except FileNotFoundError:
        return None


def _put_back(moved: Path) -> None:
    """Return a file to its name; one that was written there meanwhile has the same content."""
    _move(moved, moved.with_name(moved.name.partition(".dcm")[0] + ".dcm"))


def _move(file: Path, target: Path) -> None:
    """Rename a file; where the target is there it has the same content, as its name says."""
    with suppress(FileNotFoundError):
        if target.exists():
            file.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)


def _is_older(file: Path, moment: datetime) -> bool:
    try:
        return _changed_at(file) < moment
    except FileNotFoundError:
        return False


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
