"""Make a node what it was: from a backup, into an empty data folder and an empty database.

The backup is read whole before anything is written. What is written meanwhile is marked, so that no
node starts on half of it; a restore that was cut off is begun again, and first takes away what the
one before had written.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_node.archive import Studies
from dicom_node.backup.read import Backup, Held, check
from dicom_node.backup.trail import Trail
from dicom_node.db import Database
from dicom_node.db.refill import clear, is_empty, others, place_of, refill
from dicom_node.db.session import HEAD
from dicom_node.disk import sync_folder
from dicom_node.errors import BackupDamaged, BackupError, NotPossible
from dicom_node.installation import LOCK, MARK, UNFINISHED, half_restored, only_one
from dicom_node.settings import Settings

__all__ = ["Restored", "restore"]

_CHUNK = 2**20
_FILE_MORE = 4096
_ALLOWED = frozenset({LOCK, UNFINISHED, "lost+found"})
"""What an empty data folder may have: what is ours, and what the file system puts there."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there again.

    Parameters
    ----------
    lacking : tuple of str
        Files that were missing or damaged when the backup was taken.
    receiving : tuple of str
        Studies that were being received then: there may be only a part of them.
    brought_up : str or None
        The older schema that the backup had.
    """

    files: int
    size: int
    lacking: tuple[str, ...]
    receiving: tuple[str, ...]
    brought_up: str | None


def restore(
    settings: Settings,
    database: Database,
    trail: Trail,
    backup: Backup,
    progress: Callable[[int], None],
) -> Restored:
    """Restore ``backup``; twice its bytes are told to ``progress``: read, then written.

    The last that is written is a line of the trail itself.

    Raises
    ------
    AlreadyRunning, NotPossible
        When a node runs here, or data folder or database are not empty.
    BackupError, BackupDamaged
        When the backup is of another kind, too new, or not whole; nothing was written then. Or
        when it cannot be written.
    DatabaseAway, JournalBroken
        When the database does not answer, or the trail cannot be written.
    """
    data = settings.data
    try:
        with only_one(data):
            again = _is_ours(data, database)
            _refuse(data, database, again=again)
            _understand(backup, database)
            check(backup, progress)
            _begin(data, database, again=again)
            _make_sure_of_room(data, backup)
            _fill(data, database, backup, progress)
            trail.restored(backup.header.made_at)
            _finish(data)
            receiving = _receiving(database)
    except OSError as exc:
        why = f"{data} cannot be written: {exc.strerror}"
        raise BackupError(f"{why}; check the disk, then restore again") from exc
    older = backup.header.schema
    return Restored(
        files=backup.seal.files,
        size=backup.seal.size,
        lacking=tuple(backup.seal.lacking),
        receiving=receiving,
        brought_up=None if older == HEAD else older,
    )


def _receiving(database: Database) -> tuple[str, ...]:
    with database.reading() as session:
        waiting = Studies(session, Path()).receiving()
    database.close()
    return tuple(study.uid for study in waiting)


def _is_ours(data: Path, database: Database) -> bool:
    """Whether all that is here was written by a restore that was cut off."""
    if not half_restored(data):
        return False
    try:
        mark = json.loads((data / UNFINISHED / MARK).read_text())
    except (OSError, ValueError):
        return False
    return isinstance(mark, dict) and mark.get("database") == place_of(database)


def _refuse(data: Path, database: Database, *, again: bool) -> None:
    if connected := others(database):
        raise NotPossible(
            f"{connected} others are connected to the database; stop all nodes and workers first"
        )
    if again:
        return
    if names := sorted({path.name for path in data.iterdir()} - _ALLOWED):
        raise NotPossible(
            f"{data} is not empty: it has {names[0]}; name an empty data folder, or move away what "
            "is in it"
        )
    if not is_empty(database):
        raise NotPossible(
            f"the database {place_of(database)} is not empty; make a new one, or drop its tables"
        )


def _understand(backup: Backup, database: Database) -> None:
    header, kind = backup.header, database.engine.dialect.name
    if header.database != kind:
        raise BackupError(
            f"the backup is of {header.database}, database.url is of {kind}; set it to a database "
            f"of {header.database}"
        )
    from dicom_node.db.migrate import known  # Alembic is loaded where it is needed

    if header.schema not in known():
        raise BackupError(
            f"the backup has schema {header.schema}, this program knows up to {HEAD}; restore it "
            f"with version {header.version}, or a newer one"
        )


def _begin(data: Path, database: Database, *, again: bool) -> None:
    """Mark the folder; take away what a restore that was cut off had written."""
    mark = data / UNFINISHED / MARK
    if again:
        clear(database)
        for path in data.iterdir():
            if path.name not in _ALLOWED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    shutil.rmtree(mark.parent, ignore_errors=True)  # nothing was written beside it
    mark.parent.mkdir()
    part = mark.with_suffix(".part")
    with part.open("w") as file:
        json.dump({"database": place_of(database)}, file)
        file.flush()
        os.fsync(file.fileno())
    part.rename(mark)
    sync_folder(mark.parent)
    sync_folder(data)


def _make_sure_of_room(data: Path, backup: Backup) -> None:
    needed = backup.seal.size + _FILE_MORE * backup.seal.files
    free = shutil.disk_usage(data).free
    if free < needed:
        raise BackupError(
            f"the backup needs {needed // 10**6} MB, and {free // 10**6} MB are free in {data}; "
            "free some space there, then restore again"
        )


def _fill(data: Path, database: Database, backup: Backup, progress: Callable[[int], None]) -> None:
    """Put everything in its place."""
    copy = data / UNFINISHED / "database"
    made: set[Path] = set()
    for held in backup.held():
        if (place := _place_of(held.entry.path, backup, data, copy)) is None:
            continue
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        _write(held, place)
        progress(held.entry.size)
    os.sync()  # all of it at once: file by file takes hours
    refill(database, copy)
    database.prepare()
    database.close()
    os.sync()
    copy.unlink()


def _finish(data: Path) -> None:
    """Take the mark away: from now on it is a node."""
    (data / UNFINISHED / MARK).unlink()
    (data / UNFINISHED).rmdir()
    sync_folder(data)


def _place_of(name: str, backup: Backup, data: Path, copy: Path) -> Path | None:
    """Return where a file goes; the configuration goes nowhere, for one is in use."""
    if name == backup.header.database_file:
        return copy
    if name.startswith("archive/"):
        return data / name
    return data / name.removeprefix("data/") if name.startswith("data/") else None


def _write(held: Held, place: Path) -> None:
    with place.open("wb") as file:
        shutil.copyfileobj(held.file, file, _CHUNK)
    place.chmod(0o640)
    os.utime(place, (held.mtime, held.mtime))
    if not held.is_whole():
        raise BackupDamaged(f"the backup changed while it was restored: {held.entry.path}")
