"""What an installation is: a device UID, made once and kept, and a data folder for one node."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from dicom_node.dicom import is_uid, new_uid
from dicom_node.disk import sync_folder
from dicom_node.errors import AlreadyRunning, SettingsError
from dicom_node.settings import Settings

__all__ = ["LOCK", "MARK", "UNFINISHED", "device_uid", "half_restored", "only_one"]

LOCK = "serve.lock"
UNFINISHED, MARK = "restore.part", "restoring.json"
"""What a restore works in, and what says in it that there is more to come."""
_FILE = "device_uid"


def device_uid(settings: Settings) -> str:
    """Return the UID that every result of this installation descends from.

    It is the configured one, else the one kept in the data folder, else a new one that is kept
    there from now on.

    Raises
    ------
    SettingsError
        When what is kept is no UID, or none can be kept.
    """
    if settings.file.node.device_uid:
        return settings.file.node.device_uid
    path = settings.data / _FILE
    if not path.exists():
        try:
            _begin(path)
        except OSError as exc:
            why = f"{path}: cannot be written: {exc.strerror}; check the disk"
            raise SettingsError([why]) from exc
    try:
        uid = path.read_text(errors="replace").strip()
    except OSError as exc:
        raise SettingsError([f"{path}: cannot be read: {exc.strerror}"]) from exc
    if not is_uid(uid):
        raise SettingsError([f"{path}: '{uid}' is no UID; restore the file or set node.device_uid"])
    return uid


def _begin(path: Path) -> None:
    """Write a new UID that survives a power cut: results are named by it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{_FILE}.{uuid4().hex}")  # two hosts may have one process number
    try:
        with part.open("w") as file:
            file.write(new_uid() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: then its UID counts
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def half_restored(data: Path) -> bool:
    """Whether a restore into this data folder was begun and not finished."""
    return (data / UNFINISHED / MARK).exists()


@contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the data folder for one serving process; the lock goes with the process.

    Raises
    ------
    AlreadyRunning
        When another process holds it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            text = f"another node serves {data}; stop it, or give this one a data folder of its own"
            raise AlreadyRunning(text) from exc
        yield
