"""Read a file once, for its copy and its hashes."""

import hashlib
from typing import IO

from dicom_node.errors import BackupError

__all__ = ["Hashing", "Unreadable"]


class Unreadable(BackupError):
    """A file that is to be copied cannot be read; nothing is wrong with where it goes."""


class Hashing:
    """A file that hashes what is read of it.

    Parameters
    ----------
    file : binary file
    skip : int
        Bytes at its beginning that do not count for :attr:`rest`: the meta header of an object.
    """

    def __init__(self, file: IO[bytes], skip: int = 0) -> None:
        self._file = file
        self._whole, self._rest = hashlib.sha256(), hashlib.sha256()
        self._skip = skip
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """Read, as of any file.

        Raises
        ------
        Unreadable
            When the disk does not give it.
        """
        try:
            content = self._file.read(size)
        except OSError as exc:
            raise Unreadable(f"a file cannot be read: {exc.strerror}; check the disk") from exc
        self._whole.update(content)
        self._rest.update(content[max(0, self._skip - self.size) :])
        self.size += len(content)
        return content

    @property
    def whole(self) -> str:
        """SHA-256 of all that was read."""
        return self._whole.hexdigest()

    @property
    def rest(self) -> str:
        """SHA-256 of it but for what is skipped."""
        return self._rest.hexdigest()
