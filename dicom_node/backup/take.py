"""Take a backup of a node that runs.

The database first, then the files: a file is in its place before its row is committed, so whatever
the rows of one moment name is there from that moment on. What comes later is in the next backup.
Files go only by retention, which waits while a backup is made.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_node import __version__
from dicom_node.archive.upkeep import ORPHANS, kept_whole
from dicom_node.backup.conf import configuration
from dicom_node.backup.copying import Copying
from dicom_node.backup.hashing import Hashing
from dicom_node.backup.listing import Listing
from dicom_node.backup.manifest import MANIFEST, Header, Writer
from dicom_node.backup.target import Target
from dicom_node.backup.trail import Trail, TrailCopy
from dicom_node.db import Database
from dicom_node.db.snapshot import Snapshot, snapshot
from dicom_node.errors import BackupError
from dicom_node.settings import Settings

__all__ = ["Progress", "Taken", "check_place", "take"]

Progress = Callable[[int, int], None]
"""Told how many bytes more are done, and of how many in all."""

_DEVICE_UID = "device_uid"


@dataclass(frozen=True, slots=True)
class Taken:
    """What a backup holds.

    Parameters
    ----------
    place : Path
        Its folder, or its file.
    linked : int
        Files that it shares with the earlier one.
    lacking : tuple of str
        Files that rows name, and that were not there, or not what their rows say.
    left_out : tuple of str
        Files of the configuration folder that may be secrets.
    renewed : tuple of str
        Files that are damaged in the earlier backup, and were copied anew from the archive.
    """

    place: Path
    files: int
    size: int
    linked: int
    lacking: tuple[str, ...]
    left_out: tuple[str, ...]
    renewed: tuple[str, ...]


def check_place(settings: Settings, place: Path) -> None:
    """Pass where there is something to back up, and ``place`` is no place within it.

    Raises
    ------
    BackupError
        Saying what is wanted. Asked before anything is made there, nothing is left of it.
    """
    if place.resolve().is_relative_to(settings.data.resolve()):
        raise BackupError(f"{place} lies in the data folder; name a place on another disk")
    if not (settings.data / "archive").is_dir():
        raise BackupError(f"there is no archive in {settings.data}; nothing to back up")


def take(
    settings: Settings,
    database: Database,
    trail: Trail,
    target: Target,
    now: datetime,
    progress: Progress,
) -> Taken:
    """Write a backup of the node into ``target``.

    The trail is that of a moment after the database's: what this knows of it, that has.

    Raises
    ------
    BackupError, DatabaseAway, JournalBroken
        When it cannot be made; nothing is left of it.
    """
    archive = settings.data / "archive"
    with (
        (target.work / MANIFEST).open("w+b") as manifest,
        kept_whole(archive),
        ExitStack() as until_copied,
    ):
        listing = Listing(target.work / "names", target.earlier)
        with snapshot(database) as moment:
            told = TrailCopy(until_copied.enter_context(trail.moment()), target.earlier)
            listing.write(moment.files())
            size = listing.make_sure_of_room(target.folder, moment.size(), told.fresh())
            total = size + told.size()
            writer = Writer(manifest, _header(moment, now))
            copying = Copying(archive, target, writer, now, lambda done: progress(done, total))
            _database(moment, target.work / "database", copying)
        for wanted in listing.wanted():
            copying.object(wanted)
        for path in sorted((archive / ORPHANS).glob("*/*/*.dcm")):
            copying.put(f"archive/{path.relative_to(archive)}", path)
        told.write(copying)
        left_out = _installation(settings, target.folder, copying)
        seal = writer.close(copying.lacking, left_out)
        size = manifest.tell()
        manifest.seek(0)
        target.put(MANIFEST, Hashing(manifest), size, now.timestamp())
        place = target.finish()
    return Taken(
        place=place,
        files=seal.files,
        size=seal.size,
        linked=copying.linked,
        lacking=tuple(copying.lacking),
        left_out=tuple(left_out),
        renewed=tuple(copying.renewed),
    )


def _header(moment: Snapshot, now: datetime) -> Header:
    return Header(
        made_at=now.isoformat(),
        version=__version__,
        database=moment.kind,
        server=moment.server,
        schema=moment.revision,
        database_file="database/node.db" if moment.kind == "sqlite" else "database/node.pgdump",
    )


def _database(moment: Snapshot, copy: Path, copying: Copying) -> None:
    """Copy the database, first beside the backup: its programs write files, not into a tar."""
    moment.write(copy)
    copying.put("database/node.db" if moment.kind == "sqlite" else "database/node.pgdump", copy)
    copy.unlink()


def _installation(settings: Settings, target: Path, copying: Copying) -> list[str]:
    """Copy what belongs to the installation; return what is left out of its configuration."""
    if (settings.data / _DEVICE_UID).is_file():
        copying.put(f"data/{_DEVICE_UID}", settings.data / _DEVICE_UID)
    left_out = []
    for path, may in configuration(settings.folder, {settings.data, target.resolve()}):
        name = str(path.relative_to(settings.folder))
        if not (may and copying.put(f"conf/{name}", path)):
            left_out.append(name)
    return left_out
