"""The door: connections that have no association yet, each on a thread of its own."""

import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import cast

from pynetdicom.transport import ThreadedAssociationServer

from dicom_node import log
from dicom_node.association.door.handshake import shake
from dicom_node.association.door.refusal import Doorway, NotLetIn, Reason, Refused
from dicom_node.association.door.request import read_request
from dicom_node.transport import Line

__all__ = ["Arrival", "Door", "Server"]

_log = log.get("association")

_ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A connection that has asked for an association.

    Parameters
    ----------
    line : Line
        With TLS where that is wanted.
    request : bytes
        The A-ASSOCIATE-RQ, read already.
    """

    line: Line
    request: bytes


class Door:
    """Lets connections in: TLS, then a whole A-ASSOCIATE-RQ, each within its time.

    Whoever says nothing waits outside and holds no association. When too many wait, the address
    that has most of them waiting loses its oldest: a flood pushes out itself.

    Parameters
    ----------
    doorway : Doorway
        What is asked.
    now : callable
        The clock, UTC.
    """

    def __init__(self, doorway: Doorway, now: Callable[[], datetime]) -> None:
        self._doorway = doorway
        self._now = now
        self._lock = threading.Lock()
        self._waiting: dict[Line, str] = {}  # oldest first
        self._pushed_out: set[Line] = set()
        self._arrived: dict[socket.socket, Arrival] = {}

    def let_in(self, raw: socket.socket, address: str) -> socket.socket | None:
        """Return the connection once it has asked for an association; None where it is refused.

        A refused one is closed, told, and logged.
        """
        line, request = Line(raw, self._doorway.listen.idle_s), b""
        self._enter(line, address)
        try:
            request = self._request(line)
        except NotLetIn as exc:
            self._turn_away(line, address, exc)
            return None
        finally:
            self._leave(line)
            if not request:
                line.close()
        with self._lock:
            self._arrived[line.raw] = Arrival(line, request)
        return line.raw

    def arrival(self, raw: socket.socket) -> Arrival | None:
        """Return, once, who came in by ``raw``."""
        with self._lock:
            return self._arrived.pop(raw, None)

    def close(self) -> None:
        """Turn away everybody who still waits."""
        with self._lock:
            waiting = list(self._waiting)
        for line in waiting:
            line.hang_up()

    def _request(self, line: Line) -> bytes:
        doorway = self._doorway
        if doorway.credentials is not None:
            shake(line, doorway.credentials, doorway.limits.handshake_s, self._now())
        return read_request(line, doorway.limits)

    def _enter(self, line: Line, address: str) -> None:
        with self._lock:
            self._waiting[line] = address
            if len(self._waiting) <= self._doorway.limits.waiting:
                return
            crowd, _ = Counter(self._waiting.values()).most_common(1)[0]
            oldest = next(one for one, whose in self._waiting.items() if whose == crowd)
            del self._waiting[oldest]
            self._pushed_out.add(oldest)
        oldest.hang_up()

    def _leave(self, line: Line) -> None:
        with self._lock:
            self._waiting.pop(line, None)
            self._pushed_out.discard(line)

    def _turn_away(self, line: Line, address: str, why: NotLetIn) -> None:
        if line in self._pushed_out:
            most = self._doorway.limits.waiting
            text = f"limits.waiting = {most} wait already, most of them from this address"
            why = NotLetIn(Reason.TOO_MANY_WAITING, text)
        if why.reason is not None:
            self._doorway.refuse(Refused(why.reason, address, why.why))
        if why.answer:
            self._answer(line, why.answer)

    def _answer(self, line: Line, answer: bytes) -> None:
        try:
            line.send(answer, monotonic() + _ANSWER_S)
        except (OSError, ValueError):
            return  # it has gone, and no longer wants to know
        line.part()


class Server(ThreadedAssociationServer):
    """pynetdicom's server, behind the door.

    It accepts on one thread and lets in on another for each connection: nobody who is slow to shake
    hands, or says nothing, keeps the next from being accepted.
    """

    request_queue_size = 128
    daemon_threads = True  # who still waits at a stop keeps nobody
    door: Door

    def finish_request(
        self,
        request: socket.socket | tuple[bytes, socket.socket],
        client_address: tuple[str, int] | str,
    ) -> None:
        """Hand a connection to pynetdicom once it has asked for an association."""
        raw = self.door.let_in(cast(socket.socket, request), str(client_address[0]))
        if raw is not None:
            super().finish_request(raw, client_address)

    def handle_error(
        self,
        request: socket.socket | tuple[bytes, socket.socket],  # noqa: ARG002 - closed by the caller
        client_address: tuple[str, int] | str,
    ) -> None:
        """Log a bug of ours; the standard library would print it."""
        _log.error("bug at the door", address=str(client_address[0]), exc_info=True)
