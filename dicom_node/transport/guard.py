"""What pynetdicom reads and writes through: nothing too long, too slow, or for ever."""

import struct
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from pynetdicom.transport import AssociationSocket

from dicom_node.transport.command import Kind, parse_command
from dicom_node.transport.line import Line
from dicom_node.transport.meter import Bounds, Meter, TooMuch
from dicom_node.transport.pdu import HEAD, IS_LAST, OF_COMMAND, P_DATA_TF, fragments

__all__ = ["HEAD_SIZE", "Guard", "abort_pdu"]

HEAD_SIZE = HEAD.size
"""Bytes before the body of a PDU."""

_ASSOCIATE_RQ, _ASSOCIATE_AC = 0x01, 0x02
_LONGEST_ASSOCIATE = 2**20
_LAST_KIND = 0x07
_TLS_RECORDS, _TLS_MAJOR = (0x15, 0x16), 0x03  # an alert, a handshake (RFC 8446 5.1)
_INVALID_VALUE = 6
_ABORT_S = 1.0


def abort_pdu(reason: int = 0) -> bytes:
    """Return an A-ABORT of the service provider (PS3.8 9.3.8)."""
    return struct.pack(">BBIBBBB", 0x07, 0, 4, 0, 0, 0x02, reason)


class Guard:
    """Stands in for pynetdicom's socket of one association.

    pynetdicom reads whatever length a peer announces, and waits for it without end; its threads
    then never return. Here every PDU has a longest length and a time. Where a peer goes beyond, it
    is sent an A-ABORT, and pynetdicom sees a connection that was closed. What is not said here
    stays pynetdicom's.

    Parameters
    ----------
    inner : AssociationSocket
        What is stood in for.
    line : Line
        The connection of ``inner``.
    bounds : Bounds
        What is taken.
    on_broken : callable
        Told, once, why the association was ended from here.
    """

    def __init__(
        self,
        inner: AssociationSocket,
        line: Line,
        bounds: Bounds,
        on_broken: Callable[[str], None],
    ) -> None:
        self._inner = inner
        self.line = line
        self.bounds = bounds
        self._on_broken = on_broken
        self._meter = Meter(bounds)
        self._head = b""  # of the PDU whose body is read next
        self._command = bytearray()
        self._stores = False
        self._over = False
        self.failure: Exception | None = None
        self.broken = ""

    def __getattr__(self, name: str) -> Any:
        """Return what the real one has."""
        return getattr(self._inner, name)

    @property
    def ready(self) -> bool:
        """Whether there is something to read, an end included."""
        if self._over or self._inner.socket is None:
            return False
        try:
            return self.line.readable
        except (OSError, ValueError) as exc:
            self.failure = exc
            self._closed()
            return False

    def recv(self, nr_bytes: int) -> bytearray:
        """Read the head of a PDU, six bytes, or the body that it announced.

        Fewer bytes than asked for say that the connection is closed.
        """
        try:
            content = self.line.read(nr_bytes, monotonic() + self.bounds.idle_s)
            self._look(bytes(content), nr_bytes)
        except TimeoutError:
            self.give_up(f"a PDU not whole in {self.bounds.idle_key} = {self.bounds.idle_s:g}")
        except TooMuch as exc:
            self.give_up(f"it sent {exc}")
        except (OSError, ValueError) as exc:
            self._meter.end()
            self.failure = exc
        else:
            return content
        return bytearray()

    def send(self, bytestream: bytes) -> None:
        """Send a PDU; where the peer does not take it, the connection counts as closed."""
        try:
            self.line.send(bytestream)
        except (OSError, ValueError):
            self._closed()

    def close(self) -> None:
        """Close, as TLS wants it said, and tell pynetdicom."""
        self._over = True
        self._meter.end()
        self.line.close()
        self._inner.close()

    def give_up(self, why: str) -> None:
        """Send an A-ABORT and let nothing more in."""
        if not self._over:
            self._over, self.broken = True, why
            self._on_broken(why)
            with suppress(OSError, ValueError):
                self.line.send(abort_pdu(_INVALID_VALUE), monotonic() + _ABORT_S)
        self._meter.end()
        self.line.hang_up()

    def _shutdown_socket(self) -> None:
        """Do what pynetdicom does here, and close where the peer has gone before us too."""
        self.line.close()

    def _closed(self) -> None:
        self._meter.end()
        self._inner.event_queue.put("Evt17")  # transport connection closed (PS3.8 9.2.2)

    def _look(self, content: bytes, wanted: int) -> None:
        """Judge what was read: the length that a head announces, the bytes of a body."""
        head, self._head = self._head, b""
        if len(content) < wanted:  # the connection was closed
            self._meter.end()
            return
        if not head and wanted != HEAD_SIZE:
            return
        if head:
            if head[0] == P_DATA_TF:
                self._count(content)
            return
        kind, version, length = HEAD.unpack(content)
        if kind in _TLS_RECORDS and version == _TLS_MAJOR:
            raise TooMuch("TLS, where plain DICOM is spoken; is tls = true missing?")
        associate = kind in (_ASSOCIATE_RQ, _ASSOCIATE_AC)
        most = _LONGEST_ASSOCIATE if associate else self.bounds.longest_pdu
        if length > most:
            raise TooMuch(f"a PDU of {length} bytes, {most} are taken")
        self._head = content if _ASSOCIATE_RQ <= kind <= _LAST_KIND else b""

    def _count(self, body: bytes) -> None:
        """Add the fragments of a P-DATA-TF to the message that they belong to."""
        found = fragments(memoryview(body))
        if found is None:
            raise TooMuch("a P-DATA-TF that is none (PS3.8 9.3.5)")
        for _, _, control, piece in found:
            if control & OF_COMMAND:
                self._meter.command(len(piece))
                self._command += piece
                if control & IS_LAST:
                    self._stores = self._is_store()
            else:
                self._meter.data(len(piece), stored=self._stores)
            if control & IS_LAST:
                self._meter.end()

    def _is_store(self) -> bool:
        """Look at a whole command: of a malformed one, pynetdicom's thread would die."""
        command = parse_command(bytes(self._command))
        self._command.clear()
        if command is None:
            raise TooMuch("a command that is none (PS3.7 6.3.1)")
        return command.kind == Kind.C_STORE_RQ
