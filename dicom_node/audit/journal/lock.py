"""One writer at a time: among the threads of a process, and among the processes of a node."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dicom_node.errors import JournalBroken

__all__ = ["OneWriter"]

_LOCK = "lock"
_LOOK_AGAIN_S = 0.005


class OneWriter:
    """The right to write in a folder; the system takes it back when its process dies.

    Parameters
    ----------
    folder : Path
        That is there.
    patience_s : float
        How long to wait for others: a writer that hangs must not hang the node.
    """

    def __init__(self, folder: Path, patience_s: float) -> None:
        self._path = folder / _LOCK
        self._patience_s = patience_s
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it.

        Raises
        ------
        JournalBroken
            When it is not free in time.
        """
        deadline = time.monotonic() + self._patience_s
        if not self._threads.acquire(timeout=self._patience_s):
            raise JournalBroken(self._late())
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                self._wait(descriptor, deadline)
                yield
            finally:
                os.close(descriptor)
        finally:
            self._threads.release()

    def _wait(self, descriptor: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise JournalBroken(self._late()) from exc
                time.sleep(_LOOK_AGAIN_S)

    def _late(self) -> str:
        return f"{self._path} is held for {self._patience_s:g} s by another process; does it hang?"
