"""Which files a backup is to hold, beside those that the earlier one has."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dicom_node.backup.manifest import Entry
from dicom_node.backup.read import FolderBackup
from dicom_node.db.snapshot import NamedFile
from dicom_node.errors import BackupError

__all__ = ["Listing", "Wanted"]

_ARCHIVE = "archive/"
_FILE_MORE = 4096 + 1024  # a block that is not full, a meta header, a line of the manifest
_SPARE = 16 * 2**20


class Wanted(NamedTuple):
    """A file to be copied, and what the earlier backup has of it."""

    file: NamedFile
    earlier: Entry | None


class Listing:
    """The files that the rows of one moment name, on disk: there may be many millions.

    Parameters
    ----------
    path : Path
        A file to keep them in.
    earlier : FolderBackup or None
    """

    def __init__(self, path: Path, earlier: FolderBackup | None) -> None:
        self._path = path
        self._earlier = earlier

    def write(self, files: Iterable[NamedFile]) -> None:
        """Write down the files, sorted by path, each once."""
        last = ""
        with self._path.open("w", encoding="utf-8") as names:
            for file in files:
                if file.path != last:
                    names.write(f"{file.path}\t{file.sha256}\t{file.size}\n")
                last = file.path

    def wanted(self) -> Iterator[Wanted]:
        """Yield what is to be copied; both lists lie sorted, so one walk finds what is in both."""
        known = self._known()
        theirs = next(known, None)
        with self._path.open(encoding="utf-8") as names:
            for line in names:
                path, sha256, size = line.rstrip("\n").split("\t")
                while theirs is not None and theirs.path < _ARCHIVE + path:
                    theirs = next(known, None)
                same = theirs is not None and theirs.path == _ARCHIVE + path
                yield Wanted(NamedFile(path, sha256, int(size)), theirs if same else None)

    def make_sure_of_room(self, folder: Path, database: int, beside: int) -> int:
        """Return how many bytes the backup has, when those that are new have room in ``folder``.

        Parameters
        ----------
        database, beside : int
            Bytes of the database, and of what else is copied.

        Raises
        ------
        BackupError
            When they have not.
        """
        total = fresh = 0
        for wanted in self.wanted():
            size = max(0, wanted.file.size)
            total += size
            fresh += 0 if wanted.earlier else size + _FILE_MORE
        needed = fresh + 2 * database + beside + _SPARE
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise BackupError(
                f"the backup needs {needed // 10**6} MB, and {free // 10**6} MB are free in "
                f"{folder}; free some space there, or name another place"
            )
        return total + database

    def _known(self) -> Iterator[Entry]:
        """Yield the objects of the earlier backup, but for those that were damaged then."""
        if self._earlier is None:
            return
        damaged = {_ARCHIVE + path for path in self._earlier.seal.lacking}
        for entry in self._earlier.entries():
            if entry.path.startswith(_ARCHIVE) and entry.path not in damaged:
                yield entry
