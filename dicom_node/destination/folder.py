"""Results into a folder, as files that appear whole."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from dicom_node.archive.part10 import is_intact
from dicom_node.dimse import CannotSend
from dicom_node.disk import sync_file, sync_folder
from dicom_node.errors import PeerAway
from dicom_node.values import Instance

__all__ = ["FolderSender"]

_NOT_TO_BE_SYNCED = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)
"""Folders of some network file systems, and those that may be written but not read."""


class FolderSender:
    """Copies instances to ``<folder>/<series UID>/<SOP Instance UID>.dcm``.

    The UIDs are ours: what is sent was made here.

    Parameters
    ----------
    name : str
        Of the destination, for messages.
    folder : Path
        Made where it is absent.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and 0 for each file that is in its place for good.

        Raises
        ------
        CannotSend
            When files are not, byte for byte, what was kept; the others are in their places.
        PeerAway
            When the folder cannot be written.
        """
        made: set[Path] = set()
        spoilt = 0
        for instance in instances:
            series = self._folder / instance.series_uid
            if not is_intact(instance.path, instance.sha256):
                spoilt += 1
                continue
            try:
                if series not in made:
                    _make(series)
                    made.add(series)
                _copy(instance.path, series / f"{instance.sop_instance_uid}.dcm")
            except OSError as exc:
                raise PeerAway(f"{self._name}: {self._folder}: {exc.strerror}") from exc
            yield instance.sop_instance_uid, 0x0000
        if spoilt:
            raise CannotSend(f"{spoilt} files are gone, or damaged")


def _make(folder: Path) -> None:
    """Have a folder whose entry survives a power cut, and those above that had to be made."""
    absent = [one for one in (folder, *folder.parents) if not one.is_dir()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in absent or [folder]:  # one that is there may have been made a moment before a crash
        _sync_folder(one.parent)


def _copy(source: Path, target: Path) -> None:
    """Write, fsync, rename, fsync: as the archive does.

    What a crash leaves of it has the name that the next try writes to.
    """
    part = target.with_name(f".{target.stem}.part")
    try:
        shutil.copyfile(source, part)
        sync_file(part)
        part.replace(target)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    try:
        sync_folder(folder)
    except OSError as exc:
        if exc.errno not in _NOT_TO_BE_SYNCED:
            raise
