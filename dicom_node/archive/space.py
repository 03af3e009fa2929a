"""The disk before it is full."""

import os
import time
from pathlib import Path

from dicom_node.errors import ArchiveBroken, ArchiveFull

__all__ = ["Space"]

_EVERY_S = 1.0


class Space:
    """Refuse to write while less than a reserve is free.

    Parameters
    ----------
    folder : Path
        Any folder of the file system in question.
    reserve_bytes : int
        What must stay free: for results, for the database, for the system.
    """

    def __init__(self, folder: Path, reserve_bytes: int) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._asked_at = -_EVERY_S
        self._free = 0

    def check(self, size: int) -> None:
        """Pass when ``size`` more bytes leave the reserve untouched.

        The file system is asked once a second; in between what was written is taken off.

        Raises
        ------
        ArchiveFull
            When they do not.
        ArchiveBroken
            When the file system does not say.
        """
        now = time.monotonic()
        if now - self._asked_at >= _EVERY_S:
            self._free, self._asked_at = self._ask(), now
        self._free -= size
        if self._free < self._reserve:
            self._free += size
            free_mb, wanted_mb = self._free // 2**20, self._reserve // 2**20
            raise ArchiveFull(
                f"{free_mb} MB are free and {wanted_mb} MB are kept in reserve; free some space "
                "or lower archive.keep_free_mb"
            )

    def _ask(self) -> int:
        try:
            figures = os.statvfs(self._folder)
        except OSError as exc:
            raise ArchiveBroken(f"the archive is gone: {exc.strerror}; check the disk") from exc
        return figures.f_bavail * figures.f_frsize
