"""What an installation is: a device UID, made once and kept, and a data folder for one node."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from uuid import uuid4

from dicom_node.dicom import is_uid, new_uid
from dicom_node.disk import sync_folder
from dicom_node.errors import AlreadyRunning, SettingsError
from dicom_node.settings import Settings

__all__ = ["LOCK", "MARK", "UNFINISHED", "cohort_key", "device_uid", "half_restored", "only_one"]

LOCK = "serve.lock"
UNFINISHED, MARK = "restore.part", "restoring.json"
"""What a restore works in, and what says in it that there is more to come."""
_FILE = "device_uid"
_KEY, _KEY_BYTES = "cohort.key", 32


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
            _begin(path, new_uid())
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


def _begin(path: Path, value: str) -> None:
    """Write a value that survives a power cut: everything later follows from it.

    Nobody but the node's own user may read it.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{uuid4().hex}")  # two hosts may have one process number
    try:
        part.touch(mode=0o600)
        with part.open("w") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: then its UID counts
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(path.parent)


def cohort_key(settings: Settings) -> bytes:
    """Return the secret by which people get their pseudonyms: made once, kept in the data folder.

    Whoever has it can tell who a pseudonym is; without it nobody can. With another one, the same
    person has another pseudonym.

    Raises
    ------
    SettingsError
        When what is kept is no key, or none can be kept.
    """
    path = settings.data / _KEY
    try:
        if not path.exists():
            _begin(path, token_hex(_KEY_BYTES))
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as exc:
        why = f"{path}: cannot be read or written: {exc.strerror}"
        raise SettingsError([why]) from exc
    except ValueError as exc:
        raise SettingsError([f"{path}: holds no key; restore the file from a backup"]) from exc
    if len(key) != _KEY_BYTES:
        raise SettingsError([f"{path}: holds no whole key; restore the file from a backup"])
    return key


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
