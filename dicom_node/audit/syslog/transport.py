"""Messages to a receiver: over TLS, TCP or UDP."""

import errno
import fcntl
import os
import socket
import ssl
import struct
import termios
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dicom_node import log
from dicom_node.audit.syslog.secured import Secured
from dicom_node.errors import PeerAway
from dicom_node.settings import AuditReceiver

__all__ = ["deliver"]

_log = log.get("audit")
_CONNECT_S = 10.0
_ANSWER_S = 10.0
_UDP_ECHO_S = 0.2
"""How long an ICMP message takes at most that says that nobody is there, near by."""


def deliver(receiver: AuditReceiver, folder: Path, messages: Sequence[bytes]) -> None:
    """Send messages, in order; return when the receiver has them as far as can be known.

    Syslog knows no answers. Over a stream, the receiver is asked to close: its close says that it
    read all that came before. A receiver that does not close counts as having read what its system
    acknowledged. Of UDP nothing is known, unless nobody is there at all.

    Parameters
    ----------
    folder : Path
        The configuration folder: certificates lie relative to it.

    Raises
    ------
    PeerAway
        When some may not have arrived: all are to be sent again.

    References
    ----------
    RFC 5425 4.3 (octet counting), 4.4 (closure); RFC 6587 3.4.1 (TCP); RFC 5426 (UDP).
    """
    try:
        if receiver.transport == "udp":
            _datagrams(receiver, messages)
        else:
            _stream(receiver, folder, messages)
    except OSError as exc:  # ssl.SSLError is one
        where = f"{receiver.host}:{receiver.port}"
        why = getattr(exc, "verify_message", None) or exc.strerror or exc
        text = f"audit receiver {receiver.name} at {where} ({receiver.transport}): {why}"
        raise PeerAway(text) from exc


def _stream(receiver: AuditReceiver, folder: Path, messages: Sequence[bytes]) -> None:
    context = _context(receiver, folder) if receiver.transport == "tls" else None
    counted = b"".join(b"%d %s" % (len(one), one) for one in messages)
    with socket.create_connection((receiver.host, receiver.port), _CONNECT_S) as raw:
        raw.settimeout(_ANSWER_S)
        if context is None:
            raw.sendall(counted)
            raw.shutdown(socket.SHUT_WR)
            _wait_for_end(raw)
        else:
            secured = Secured(raw, context, receiver.host)
            secured.send(counted)
            secured.finish()
        _check_acknowledged(raw)


def _wait_for_end(connection: socket.socket) -> None:
    """Read until the receiver closes: then it has read to our end; a rude one does not."""
    with suppress(TimeoutError):
        while connection.recv(4096):
            continue


def _check_acknowledged(connection: socket.socket) -> None:
    """Pass when the receiver's system has acknowledged every byte (Linux, tcp(7) SIOCOUTQ).

    A close alone says little: who refuses us closes too.
    """
    if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))
    left = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    if struct.unpack("i", left)[0]:
        raise TimeoutError(errno.ETIMEDOUT, "it does not read what it is sent")


def _context(receiver: AuditReceiver, folder: Path) -> ssl.SSLContext:
    """Return what TLS has to be like; files are read each time, so new ones need no restart."""
    context = ssl.create_default_context(
        cafile=str(folder / receiver.ca_file) if receiver.ca_file else None
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # BCP 195: TLS 1.3 where both have it
    if receiver.cert_file:
        context.load_cert_chain(folder / receiver.cert_file, folder / receiver.key_file)
    return context


def _datagrams(receiver: AuditReceiver, messages: Sequence[bytes]) -> None:
    family, kind, number, _, address = socket.getaddrinfo(
        receiver.host, receiver.port, type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, number) as connection:
        connection.connect(address)
        for one in messages:
            try:
                connection.send(one)
            except OSError as exc:
                if exc.errno != errno.EMSGSIZE:
                    raise
                _log.error("audit message too long for UDP", receiver=receiver.name, bytes=len(one))
        connection.settimeout(_UDP_ECHO_S)
        with suppress(TimeoutError):
            connection.recv(1)
