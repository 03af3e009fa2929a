"""The connection of one association, held by whoever reads it: a plane of ours, or pynetdicom."""

import threading
from collections.abc import Callable
from typing import cast

from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from dicom_node.errors import NodeError
from dicom_node.transport.checkpoint import Checkpoint
from dicom_node.transport.guard import HEAD_SIZE, Guard
from dicom_node.transport.line import Line
from dicom_node.transport.meter import Bounds

__all__ = ["Wire", "WireTaken"]

_LOOK_AGAIN_S = 0.2
_LET_GO_S = 2.0
_ASSOCIATE_RQ, _ASSOCIATE_AC = b"\x01", b"\x02"


class WireTaken(NodeError):
    """Pynetdicom is in the middle of a PDU, and does not let go of the connection."""


class Wire(Guard):
    """A guard that keeps pynetdicom from reading while somebody else holds it.

    After an A-ASSOCIATE-RQ it is held by itself: a peer that sends on without waiting for an answer
    would put pynetdicom's state machine where it has no way out, and what follows an acceptance is
    for whoever serves it. An answer that is no acceptance lets go.

    Parameters
    ----------
    inner : AssociationSocket
        What is stood in for.
    line : Line
        Its connection.
    bounds : Bounds
        What is taken.
    on_broken : callable
        Told why the association was ended from here.
    """

    def __init__(
        self,
        inner: AssociationSocket,
        line: Line,
        bounds: Bounds,
        on_broken: Callable[[str], None],
    ) -> None:
        super().__init__(inner, line, bounds, on_broken)
        self._negotiating = False
        self._free = threading.Event()
        self._free.set()
        self._let_go = threading.Event()
        self._taken = threading.Event()

    @staticmethod
    def of(assoc: Association) -> "Wire | None":
        """Return what stands in for the connection of ``assoc``, if something does."""
        connection: object = assoc.dul.socket
        return connection if isinstance(connection, Wire) else None

    def put_into(self, assoc: Association) -> None:
        """Stand in for the connection of ``assoc``, whose reactor can be held from here on."""
        assoc.dul.socket = cast(AssociationSocket, self)
        assoc._reactor_checkpoint = Checkpoint()  # noqa: SLF001 - it has no public face

    @property
    def is_held(self) -> bool:
        """Whether somebody else than pynetdicom reads."""
        return not self._free.is_set()

    @property
    def ready(self) -> bool:
        """Whether pynetdicom has something to read: never while the wire is held."""
        if self.is_held:
            self._let_go.set()
            if not self._negotiating:  # else its loop has to turn on: the answer is to be sent
                self._free.wait(_LOOK_AGAIN_S)  # and here it sleeps instead of turning idly
            return False
        return super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        """Read for pynetdicom: first what was read before the wire was handed back."""
        try:
            content = super().recv(nr_bytes)
            if nr_bytes == HEAD_SIZE and content[:1] == _ASSOCIATE_RQ:
                self._negotiating = True
                self._free.clear()
            return content
        finally:
            self._taken.set()

    def send(self, bytestream: bytes) -> None:
        """Send a PDU for pynetdicom; see :class:`Guard`."""
        super().send(bytestream)
        if self._negotiating:
            self._negotiating = False
            if bytestream[:1] != _ASSOCIATE_AC:
                self._free.set()

    @property
    def readable(self) -> bool:
        """Whether reading would give something at once, the end of the connection included."""
        try:
            return self.line.readable
        except (OSError, ValueError):
            return True  # reading says what it is

    def read_into(self, view: memoryview, until: float) -> int:
        """Read what there is, one byte at least, for whoever holds the wire; 0 at the end.

        Raises
        ------
        OSError, ValueError
            When nothing comes in time (TimeoutError), or the connection fails; the latter of TLS
            that was closed on our side.
        """
        return self.line.read_into(view, until)

    def send_all(self, content: bytes | bytearray, until: float) -> None:
        """Send, for whoever holds the wire.

        Parameters
        ----------
        until : float
            When to give up, by the monotonic clock.

        Raises
        ------
        OSError, ValueError
            When the peer does not take it in time, or the connection is closed or fails.
        """
        self.line.send(content, until)

    def hold(self) -> None:
        """Keep pynetdicom from reading; return once it does not.

        Raises
        ------
        WireTaken
            When it is in the middle of a PDU that does not end.
        """
        if self.is_held:
            return
        self._let_go.clear()
        self._free.clear()
        if not self._let_go.wait(_LET_GO_S):
            self._free.set()
            raise WireTaken("the peer does not end a PDU that it has begun")

    def hand_back(self, pushed: bytes = b"") -> None:
        """Let pynetdicom read from here on, ``pushed`` first; return once it has begun."""
        self._taken.clear()
        if pushed:
            self.line.push(pushed)
        else:
            self._taken.set()
        self._free.set()
        self._taken.wait(_LOOK_AGAIN_S * 10)
