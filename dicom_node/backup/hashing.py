"""Read a file once, for its copy and its hashes."""

import hashlib
from typing import Protocol

from dicom_node.errors import BackupError

__all__ = ["Beginning", "Hashing", "Unreadable"]


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes:
        """Read up to ``size`` bytes."""


class Unreadable(BackupError):
    """A file that is to be copied cannot be read; nothing is wrong with where it goes."""


class Beginning:
    """The first bytes of a file that grows.

    Parameters
    ----------
    file : binary file
    size : int
        How many.
    """

    def __init__(self, file: _Readable, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """Read, as of a file that ends there."""
        content = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content


class Hashing:
    """A file that hashes what is read of it.

    Parameters
    ----------
    file : binary file
    skip : int
        Bytes at its beginning that do not count for :attr:`rest`: the meta header of an object.
    """

    def __init__(self, file: _Readable, skip: int = 0) -> None:
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
