"""An encoded data set: bytes where it is small, a temporary file where it is large."""

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

__all__ = [
    "HEADER_MOST",
    "Content",
    "Spooled",
    "chunks_of",
    "digest_of",
    "head_of",
    "opened",
    "size_of",
]

_CHUNK = 2**20
HEADER_MOST = 2**24
"""No header is longer: whoever looks for UIDs need not look further, and what a few deflated
bytes swell to beyond that is not looked at."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A data set in a file that has no name: it is gone when it is closed.

    Parameters
    ----------
    file : binary file
        Open; reading moves nothing in it, so several may read.
    start : int
        Where the data set begins, behind file meta information.
    size : int
        Its length in bytes.
    """

    file: BinaryIO
    start: int
    size: int

    def read(self, at: int, count: int) -> bytes:
        """Return up to ``count`` bytes from ``at`` on, 0 being the first of the data set."""
        return os.pread(self.file.fileno(), max(0, min(count, self.size - at)), self.start + at)


Content = bytes | Spooled


def size_of(content: Content) -> int:
    """Return the number of bytes."""
    return content.size if isinstance(content, Spooled) else len(content)


def head_of(content: Content) -> bytes:
    """Return as much from the beginning as a header may be long, or more."""
    return content.read(0, HEADER_MOST) if isinstance(content, Spooled) else content


def opened(before: bytes, content: Content) -> BinaryIO:
    """Return a stream of ``before`` and the data set behind it."""
    if isinstance(content, Spooled):
        return cast(BinaryIO, _Stream(before, content))
    return io.BytesIO(before + content)


class _Stream(io.RawIOBase):
    """Bytes, and a file behind them, as one file that is read from wherever one likes."""

    def __init__(self, before: bytes, content: Spooled) -> None:
        self._before = before
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        end = len(self._before) + self._content.size
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: end}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = self._before[self._at : self._at + len(buffer)]
        if not found:
            found = self._content.read(self._at - len(self._before), len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def read(self, size: int = -1) -> bytes:
        """Return as much as was asked for, wherever the two parts meet."""
        parts = []
        while size and (part := super().read(min(size, _CHUNK) if size > 0 else _CHUNK)):
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)


def chunks_of(content: Content) -> Iterator[bytes]:
    """Yield everything, no more of a file in memory than a megabyte."""
    if not isinstance(content, Spooled):
        yield content
        return
    at = 0
    while chunk := content.read(at, _CHUNK):
        at += len(chunk)
        yield chunk


def digest_of(content: Content) -> str:
    """Return the SHA-256, in hexadecimal digits."""
    digest = hashlib.sha256()
    for chunk in chunks_of(content):
        digest.update(chunk)
    return digest.hexdigest()
