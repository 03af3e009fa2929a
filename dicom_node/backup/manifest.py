"""What a backup holds: one line of JSON for itself, one per file, one that seals them.

The last line has the SHA-256 of all lines above it: a manifest that was cut or changed is seen.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from dicom_node.errors import BackupDamaged, BackupError

__all__ = ["FORMAT", "MANIFEST", "Entry", "Header", "Seal", "Writer", "read_entries", "read_seal"]

MANIFEST = "manifest.jsonl"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Header:
    """What the backup is of.

    Parameters
    ----------
    made_at : str
        ISO 8601: the database and the archive are those of this moment.
    version : str
        Of the program that made it.
    database, server, schema : str
        ``sqlite`` or ``postgresql``; its version; the revision of the tables.
    database_file : str
        The entry that holds the database.
    """

    made_at: str
    version: str
    database: str
    server: str
    schema: str
    database_file: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: where it lies in the backup, its size in bytes, and the SHA-256 of all of it."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Seal:
    """The last line.

    Parameters
    ----------
    lacking : list of str
        Files that a row named, and that were not there or not what their row said.
    left_out : list of str
        Files of the configuration folder that may be secrets.
    sha256 : str
        Over all lines before.
    """

    files: int
    size: int
    lacking: list[str]
    left_out: list[str]
    sha256: str = ""


class Writer:
    """Writes a manifest line by line.

    Parameters
    ----------
    file : binary file
        Open for writing.
    """

    def __init__(self, file: IO[bytes], header: Header) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._line(asdict(header))
        self.files = self.size = 0

    def add(self, entry: Entry) -> None:
        """Note one file."""
        self._line(asdict(entry))
        self.files += 1
        self.size += entry.size

    def close(self, lacking: Iterable[str], left_out: Iterable[str]) -> Seal:
        """Seal the manifest."""
        digest = self._digest.hexdigest()
        seal = Seal(self.files, self.size, list(lacking), list(left_out), digest)
        self._line(asdict(seal))
        return seal

    def _line(self, values: dict[str, Any]) -> None:
        line = json.dumps(values).encode() + b"\n"
        self._digest.update(line)
        self._file.write(line)


def read_seal(file: IO[bytes]) -> tuple[Header, Seal]:
    """Return what a whole manifest says of itself.

    Raises
    ------
    BackupDamaged, BackupError
        When it was cut or changed; when it is of a format that this program does not know.
    """
    digest, count, header, last = hashlib.sha256(), 0, b"", b""
    for line in file:
        digest.update(last)
        header, last, count = header or line, line, count + 1
    about = _of_line(header)
    if about.get("format") != FORMAT:
        raise BackupError(
            f"the backup is of format {about.get('format')}, {FORMAT} is known; restore it with "
            f"version {about.get('version', '?')} of this program, or a newer one"
        )
    try:
        found, seal = Header(**about), Seal(**_of_line(last))
    except TypeError as exc:
        raise BackupDamaged(_DAMAGED) from exc
    if seal.sha256 != digest.hexdigest() or seal.files != count - 2:
        raise BackupDamaged(_DAMAGED)
    return found, seal


def read_entries(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the files that a manifest names; :func:`read_seal` has said that it is whole."""
    next(file)
    for line in file:
        values = _of_line(line)
        if "path" in values:
            yield Entry(_inside(str(values["path"])), int(values["size"]), str(values["sha256"]))


_DAMAGED = "the backup's manifest was cut or changed; take another backup"


def _of_line(line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError as exc:
        raise BackupDamaged(_DAMAGED) from exc
    if not isinstance(values, dict):
        raise BackupDamaged(_DAMAGED)
    return values


def _inside(path: str) -> str:
    """Return a path that leads nowhere but into the backup."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
        raise BackupDamaged(f"the backup names a file outside itself: {path!a}; it is not ours")
    return path
