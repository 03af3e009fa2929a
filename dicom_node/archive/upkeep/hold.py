"""One file lock between who deletes files and who copies them."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["erasing", "kept_whole"]

_LOCK = "erase.lock"


@contextmanager
def kept_whole(folder: Path) -> Iterator[None]:
    """Have no file of the archive in ``folder`` deleted meanwhile; several may want that at once.

    The lock goes with the process, so one that was killed holds up nobody.
    """
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def erasing(folder: Path) -> Iterator[bool]:
    """Yield whether files may be deleted now: not while somebody has them kept whole."""
    with (folder / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
