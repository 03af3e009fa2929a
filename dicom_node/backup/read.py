"""A backup that is there: what it holds, and whether that is what its manifest says."""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from dicom_node.backup.hashing import Hashing, Unreadable
from dicom_node.backup.manifest import MANIFEST, Entry, Header, Seal, read_entries, read_seal
from dicom_node.errors import BackupDamaged, BackupError

__all__ = ["Backup", "FolderBackup", "Held", "check", "latest", "open_backup"]

_CHUNK = 2**20


class Held(NamedTuple):
    """One file of a backup, open; ``mtime`` in seconds."""

    entry: Entry
    file: Hashing
    mtime: float

    def is_whole(self) -> bool:
        """Whether all of it was read, and is what the manifest says."""
        return (self.file.size, self.file.whole) == (self.entry.size, self.entry.sha256)


class Backup(Protocol):
    """Something that :func:`take` wrote."""

    place: Path
    header: Header
    seal: Seal

    def held(self) -> Iterator[Held]:
        """Yield its files, in the order of the manifest.

        Raises
        ------
        BackupDamaged
            When one is not there.
        """


def open_backup(place: Path) -> Backup:
    """Return the backup at ``place``.

    Raises
    ------
    BackupError, BackupDamaged
        When there is none, or its manifest is not whole.
    """
    try:
        if place.is_dir():
            return FolderBackup(place)
        if place.is_file():
            return _TarBackup(place)
    except OSError as exc:
        raise BackupError(f"{place} cannot be read: {exc.strerror}; check the disk") from exc
    raise BackupError(f"there is no backup {place}; name its folder, or its .tar file")


def latest(place: Path) -> "FolderBackup | None":
    """Return the newest backup of a folder of backups that is whole as far as its manifest says."""
    for folder in sorted(place.glob("[0-9]*Z*"), reverse=True):
        with suppress(BackupError, OSError):
            return FolderBackup(folder)
    return None


def check(backup: Backup, progress: Callable[[int], None]) -> None:
    """Read all of a backup.

    Parameters
    ----------
    progress : callable
        Told how many bytes more were read.

    Raises
    ------
    BackupDamaged
        When one file is not there, or is not what the manifest says.
    """
    files = 0
    for held in backup.held():
        while content := held.file.read(_CHUNK):
            progress(len(content))
        if not held.is_whole():
            raise _changed(held.entry)
        files += 1
    if files != backup.seal.files:
        raise BackupDamaged(f"the backup has {files} of {backup.seal.files} files; take another")


class FolderBackup:
    """A backup that is a folder."""

    def __init__(self, place: Path) -> None:
        if not (place / MANIFEST).is_file():
            raise BackupError(f"{place} is no backup: it has no {MANIFEST}{_hint(place)}")
        self.place = place
        with (place / MANIFEST).open("rb") as file:
            self.header, self.seal = read_seal(file)

    def entries(self) -> Iterator[Entry]:
        """Yield what the manifest names."""
        with (self.place / MANIFEST).open("rb") as file:
            yield from read_entries(file)

    def has(self, entry: Entry, *, read: bool) -> bool:
        """Whether a file is there with its size; with ``read``, with all of its content."""
        path = self.place / entry.path
        try:
            if not read:
                return path.stat().st_size == entry.size
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256
        except OSError:
            return False

    def held(self) -> Iterator[Held]:
        """See :class:`Backup`."""
        for entry in self.entries():
            try:
                with (self.place / entry.path).open("rb") as file:
                    yield Held(entry, Hashing(file), (self.place / entry.path).stat().st_mtime)
            except Unreadable as exc:
                raise _changed(entry) from exc
            except OSError as exc:
                raise _gone(entry) from exc


class _TarBackup:
    """A backup that is one file; its manifest is the last in it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        with self._manifest() as file:
            self.header, self.seal = read_seal(file)

    def held(self) -> Iterator[Held]:
        """See :class:`Backup`."""
        with self._manifest() as manifest, self.place.open("rb") as raw:
            members = self._members(raw)
            for entry in read_entries(manifest):
                tar, member = next(members, (None, None))
                if tar is None or member is None or member.name != entry.path:
                    raise _gone(entry)
                content = tar.extractfile(member)
                if content is None:
                    raise _gone(entry)
                try:
                    with content:
                        yield Held(entry, Hashing(content), member.mtime)
                except Unreadable as exc:
                    raise _changed(entry) from exc

    @contextmanager
    def _manifest(self) -> Iterator[IO[bytes]]:
        with self.place.open("rb") as raw:
            for tar, member in self._members(raw):
                if member.name == MANIFEST and (file := tar.extractfile(member)) is not None:
                    with file:
                        yield file
                    return
        raise BackupDamaged(f"{self.place} has no {MANIFEST}: it was cut, or is no backup")

    def _members(self, raw: IO[bytes]) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        try:
            with tarfile.open(fileobj=raw, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined] # it would remember each
                    yield tar, member
        except (tarfile.TarError, EOFError) as exc:
            raise BackupDamaged(f"{self.place} was cut or changed: {exc}; take another") from exc


def _hint(place: Path) -> str:
    """Where somebody named the folder of all backups."""
    newest = latest(place)
    return f"; it holds backups, the newest is {newest.place.name}" if newest else ""


def _gone(entry: Entry) -> BackupDamaged:
    return BackupDamaged(f"the backup is damaged: {entry.path} is not in it; take another one")


def _changed(entry: Entry) -> BackupDamaged:
    return BackupDamaged(
        f"the backup is damaged: {entry.path} is not what its manifest says; restore another one"
    )
