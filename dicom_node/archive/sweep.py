"""Files without a row: left by a crash before the commit, so nobody was told Success."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from dicom_node.db import ConflictRow, Database, InstanceRow

__all__ = ["sweep"]

_MARK = "swept.json"
_SLACK = timedelta(minutes=5)
_AT_ONCE = 500


def sweep(database: Database, folder: Path, started_at: datetime) -> int:
    """Delete files of ``folder`` that no row names; return how many.

    Only folders that changed since the last sweep are read, and only files that were there before
    this process started are touched: what is being received now has no row yet.

    Parameters
    ----------
    started_at : datetime
        When this process began, UTC.
    """
    mark = folder / _MARK
    removed = 0
    for study in _changed(folder, _since(mark)):
        removed += _sweep_study(database, folder, study, started_at)
    part = mark.with_suffix(".part")
    part.write_text(json.dumps({"swept_at": started_at.isoformat()}))
    part.replace(mark)
    return removed


def _since(mark: Path) -> datetime:
    """Return from when on changes count; from the beginning where no sweep is known of."""
    try:
        swept_at = datetime.fromisoformat(json.loads(mark.read_text())["swept_at"])
    except (OSError, KeyError, TypeError, ValueError):
        return datetime.fromtimestamp(0, UTC)
    return swept_at.astimezone(UTC) - _SLACK


def _changed(folder: Path, since: datetime) -> Iterator[Path]:
    for shelf in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        for study in sorted(shelf.iterdir()):
            if study.is_dir() and _changed_at(study) >= since:
                yield study


def _sweep_study(database: Database, folder: Path, study: Path, started_at: datetime) -> int:
    files = [file for file in study.glob("*.dcm") if _is_older(file, started_at)]
    removed = 0
    for first in range(0, len(files), _AT_ONCE):
        some = {str(file.relative_to(folder)): file for file in files[first : first + _AT_ONCE]}
        with database.reading() as session:
            named = set(session.scalars(select(InstanceRow.path).where(InstanceRow.path.in_(some))))
            named |= set(
                session.scalars(select(ConflictRow.path).where(ConflictRow.path.in_(some)))
            )
        for place in set(some) - named:
            if _is_older(some[place], started_at):  # not sent again since we asked
                some[place].unlink(missing_ok=True)
                removed += 1
    return removed


def _is_older(file: Path, moment: datetime) -> bool:
    try:
        return _changed_at(file) < moment
    except FileNotFoundError:
        return False


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
