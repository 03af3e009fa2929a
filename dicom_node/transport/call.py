"""A call to a peer: its connection secured before anything is said on it."""

import socket
import ssl
from time import monotonic
from typing import cast

from pynetdicom.events import Event
from pynetdicom.transport import AssociationSocket

from dicom_node import log
from dicom_node.sections import Limits, Outbox, Peer
from dicom_node.tls import Credentials, Fault, fault_of
from dicom_node.transport.line import Line
from dicom_node.transport.meter import Bounds, Memory
from dicom_node.transport.wire import Wire

__all__ = ["MAXIMUM_PDU", "Call"]

MAXIMUM_PDU = 131072
"""16 kB, the usual value, costs eight times as many steps per image."""
_MB = 2**20
_HINTS = {
    Fault.PLAIN_TEXT: "; it may speak plain DICOM there",
    Fault.BROKEN: "; it may speak no TLS there",
    Fault.OLD_VERSION: "; TLS 1.2 or 1.3 is wanted",
    Fault.NO_SUITE: "; PS3.15 B.12 or B.13 is wanted, as tls.profile says",
    Fault.UNTRUSTED: "; put its CA where tls.trust points",
    Fault.EXPIRED: "; it needs a new one",
    Fault.WRONG_NAME: "; correct its host or certificate in peers.toml",
    Fault.OURS_REFUSED: "; it has to believe our certificate",
}

_log = log.get("scu")


class Call:
    """What becomes of the connection of one call.

    pynetdicom connects, and tells us before it sends: there the handshake is made, and a connection
    without one is closed. From then on every wait has an end.

    Parameters
    ----------
    peer : Peer
        Who is called.
    times : Outbox
        How long to wait.
    credentials : Credentials or None
        For a peer with ``tls = true``.
    limits : Limits
        What the peer may send.
    """

    def __init__(
        self, peer: Peer, times: Outbox, credentials: Credentials | None, limits: Limits
    ) -> None:
        self.times = times
        self._limits = limits
        self._peer = peer
        self._credentials = credentials
        self._line: Line | None = None
        self._wire: Wire | None = None
        self._wrong = ""

    def on_open(self, event: Event) -> None:
        """Secure the connection where it has to be, and put a wire between."""
        connection = cast(AssociationSocket, event.assoc.dul.socket)
        raw, secured = cast(socket.socket, connection.socket), False
        try:
            self._line = line = Line(raw, self.times.answer_s)
            secured = self._secure(line)
            connection.socket = line.raw
        finally:  # whatever went wrong: nothing is sent on it
            if not secured:
                self.close()
                raw.close()
        if secured:
            self._wire = Wire(connection, line, self._bounds(), self._broken)
            self._wire.put_into(event.assoc)

    def close(self) -> None:
        """Let go of the connection."""
        if self._line is not None:
            self._line.close()

    def why_not(self) -> str:
        """Return what was wrong with the connection; empty where nothing was."""
        failure = self._wire.failure if self._wire is not None else None
        if not self._wrong and isinstance(failure, ssl.SSLError):
            self._fault(*fault_of(failure))  # TLS 1.3: its last word may come after the handshake
        if not self._wrong and self._wire is not None:
            where = f"{self._peer.name} at {self._peer.host}:{self._peer.port}"
            hint = "look at its log" if self._peer.tls else "if it speaks TLS there, set tls = true"
            return f"{where} takes the connection and does not answer; {hint}"
        return self._wrong

    def _secure(self, line: Line) -> bool:
        peer = self._peer
        if not peer.tls:
            return True
        if self._credentials is None:
            self._wrong = f"{peer.name} wants TLS, and nobody gave certificates for it; see [tls]"
            return False
        context = self._credentials.client(by_host=not peer.certificate)
        try:
            line.secure(context, peer.host, monotonic() + self.times.connect_s)
        except (OSError, ValueError) as exc:  # the latter of a host that no certificate can name
            self._fault(*fault_of(exc))
            return False
        shown = line.certificate
        if peer.certificate and (shown is None or not shown.is_of(peer.certificate)):
            name = shown.name if shown else "nobody"
            text = f"peers.toml wants '{peer.certificate}', it showed that of '{name}'"
            self._fault(Fault.WRONG_NAME, text)
            return False
        return True

    def _fault(self, fault: Fault, word: str) -> None:
        where = f"{self._peer.name} at {self._peer.host}:{self._peer.port}"
        self._wrong = f"no TLS with {where}: {fault}: {word}{_HINTS.get(fault, '')}"

    def _broken(self, why: str) -> None:
        self._wrong = f"{self._peer.name} was cut off: {why}"
        _log.warning("association aborted", peer=self._peer.name, why=why)

    def _bounds(self) -> Bounds:
        limits = self._limits
        return Bounds(
            idle_s=self.times.answer_s,
            message_s=limits.message_s,
            longest_pdu=2 * MAXIMUM_PDU,
            data_set=limits.data_set_mb * _MB,
            other=limits.message_mb * _MB,
            memory=Memory(limits.memory_mb * _MB),
            idle_key="outbox.answer_s",
        )
