"""The connection of one association, held by whoever reads it: the data plane, or pynetdicom."""

import socket
import threading
from typing import Any

from pynetdicom.transport import AssociationSocket

__all__ = ["Wire"]

_LOOK_AGAIN_S = 0.2


class Wire:
    """Stands in for pynetdicom's socket, and keeps it from reading until it is handed back.

    Sending, closing and everything else stay pynetdicom's.

    Parameters
    ----------
    inner : AssociationSocket
        What is stood in for.
    """

    def __init__(self, inner: AssociationSocket) -> None:
        self._inner = inner
        self._free = threading.Event()
        self._taken = threading.Event()
        self._pushed = b""

    def __getattr__(self, name: str) -> Any:
        """Return what the real one has."""
        return getattr(self._inner, name)

    @property
    def raw(self) -> socket.socket | None:
        """The connection itself; None once it is closed."""
        return self._inner.socket

    @property
    def ready(self) -> bool:
        """Whether pynetdicom has something to read: never while the wire is held."""
        if not self._free.is_set():
            self._free.wait(_LOOK_AGAIN_S)  # its loop sleeps here instead of turning idly
            return False
        return bool(self._pushed) or self._inner.ready

    def recv(self, nr_bytes: int) -> bytearray:
        """Read for pynetdicom: first what was read before the wire was handed back."""
        pushed, self._pushed = self._pushed[:nr_bytes], self._pushed[nr_bytes:]
        if not self._pushed:
            self._taken.set()
        content = bytearray(pushed)
        if len(content) < nr_bytes:
            content += self._inner.recv(nr_bytes - len(content))
        return content

    def hand_back(self, pushed: bytes = b"") -> None:
        """Let pynetdicom read from here on, ``pushed`` first; return once it has begun."""
        self._pushed = pushed
        if not pushed:
            self._taken.set()
        self._free.set()
        self._taken.wait(_LOOK_AGAIN_S * 10)
