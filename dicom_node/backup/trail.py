"""The audit trail into a backup. Its room lies beside this one: it is handed in."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from dicom_node.backup.copying import Copying
from dicom_node.backup.manifest import Entry
from dicom_node.backup.read import FolderBackup

__all__ = ["Moment", "Trail", "TrailCopy"]

_TRAIL = "data/audit/"
_FILE_MORE = 4096


class Moment(Protocol):
    """The trail at one moment."""

    @property
    def folder(self) -> Path:
        """Where it lies."""

    @property
    def files(self) -> Sequence[tuple[str, int]]:
        """Files that only grow, and how much of each there was, in bytes."""

    @property
    def places(self) -> Mapping[str, bytes]:
        """Content of the files that are written anew, by name."""


class Trail(Protocol):
    """What keeps the audit trail."""

    def moment(self) -> AbstractContextManager[Moment]:
        """Give the trail of now; what it names stays until the end."""

    def restored(self, made_at: str) -> None:
        """Write into the trail that the node was restored from the backup of that time."""


class TrailCopy:
    """What a backup is to hold of the trail.

    Parameters
    ----------
    moment : Moment
    earlier : FolderBackup or None
        A file that is the same there is shared with it: the journal's files but the last.
    """

    def __init__(self, moment: Moment, earlier: FolderBackup | None) -> None:
        self._moment = moment
        self._earlier = {} if earlier is None else _entries(earlier)

    def size(self) -> int:
        """Return how many bytes it has."""
        return sum(size for _, size in self._moment.files) + sum(
            len(content) for content in self._moment.places.values()
        )

    def fresh(self) -> int:
        """Return how many bytes the disk needs for it at most, but for what may be shared."""
        new = [size for name, size in self._moment.files if self._same(name, size) is None]
        return sum(new) + _FILE_MORE * (len(new) + 2 * len(self._moment.places))

    def write(self, copying: Copying) -> None:
        """Copy it; a file that cannot be read is noted as lacking."""
        for name, size in self._moment.files:
            path = self._moment.folder / name
            copying.beginning(_TRAIL + name, path, size, self._same(name, size))
        for name, content in self._moment.places.items():
            copying.content(_TRAIL + name, content)

    def _same(self, name: str, size: int) -> Entry | None:
        entry = self._earlier.get(_TRAIL + name)
        return entry if entry is not None and entry.size == size else None


def _entries(earlier: FolderBackup) -> dict[str, Entry]:
    return {entry.path: entry for entry in earlier.entries() if entry.path.startswith(_TRAIL)}
