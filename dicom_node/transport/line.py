"""One TCP connection, plain or TLS, on which nothing waits for ever."""

import select
import socket
import ssl
import threading
from contextlib import suppress
from time import monotonic

from dicom_node.tls import Certificate

__all__ = ["Line"]

_CHUNK = 16_384
_AHEAD = 4096
"""Bytes that come with a small reading: a command and the head of its data set, in one call."""
_FAREWELL_S = 1.0
_QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)


class Line:
    """A connection that is read and written within a time.

    The socket is non-blocking; every wait has an end. What comes in answer is acknowledged at once
    (Linux): a peer that writes a message in pieces, with Nagle's algorithm, would else wait 40 ms
    for that, and DCMTK and pynetdicom do. With TLS one thread at a time is in OpenSSL,
    whose connections are not made for two: somebody may read while another sends an abort.

    Parameters
    ----------
    raw : socket
        Connected.
    idle_s : float
        How long one sending may take, at most.
    """

    def __init__(self, raw: socket.socket, idle_s: float) -> None:
        self._raw = raw
        self._idle_s = idle_s
        self._in_tls = threading.Lock()
        self._sending = threading.Lock()
        self._ahead = bytearray()
        self._at_end = False
        self.certificate: Certificate | None = None
        raw.setblocking(False)
        with suppress(OSError):  # no TCP: a pair of sockets in a test
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def raw(self) -> socket.socket:
        """The socket, for options and for those that close it."""
        return self._raw

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return isinstance(self._raw, ssl.SSLSocket)

    def secure(self, context: ssl.SSLContext, host: str | None, until: float) -> None:
        """Shake hands; from then on it speaks TLS.

        Parameters
        ----------
        host : str or None
            Whom we call; None where we answer.
        until : float
            When to give up, by the monotonic clock.

        Raises
        ------
        OSError
            ``TimeoutError``, ``ssl.SSLError`` with what was wrong, or that the connection is gone.
        """
        self._raw = wrapped = context.wrap_socket(
            self._raw,
            server_side=host is None,
            server_hostname=host,
            do_handshake_on_connect=False,
        )
        while True:
            try:
                wrapped.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, until)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, until)
        decoded = wrapped.getpeercert()
        if decoded:
            self.certificate = Certificate.of(decoded, wrapped.getpeercert(binary_form=True))

    def peek(self, until: float) -> bytes:
        """Return the first byte that comes, and leave it there; nothing at the end."""
        while True:
            try:
                return self._raw.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                self._wait(select.POLLIN, until)

    def read(self, count: int, until: float) -> bytearray:
        """Read ``count`` bytes; fewer where the other end closes before.

        Raises
        ------
        OSError
            ``TimeoutError`` with what came until then lost, or that the connection failed.
        """
        buffer = bytearray(count)
        view, got = memoryview(buffer), 0
        while got < count and (size := self.read_into(view[got:], until)):
            got += size
        return buffer if got == count else buffer[:got]

    def read_into(self, view: memoryview, until: float) -> int:
        """Read what there is, one byte at least; 0 at the end."""
        if self._ahead:
            size = min(len(view), len(self._ahead))
            view[:size] = self._ahead[:size]
            del self._ahead[:size]
            return size
        if self._at_end:
            return 0
        while True:
            with self._in_tls:
                try:
                    return self._receive(view)
                except (BlockingIOError, ssl.SSLWantReadError):
                    wanted = select.POLLIN
                except ssl.SSLWantWriteError:
                    wanted = select.POLLOUT
            self._wait(wanted, until)

    def _receive(self, view: memoryview) -> int:
        if len(view) >= _AHEAD or self.is_secure:  # TLS reads whole records ahead by itself
            return self._raw.recv_into(view)
        found = self._raw.recv(_AHEAD)
        size = min(len(view), len(found))
        view[:size] = found[:size]
        self._ahead += found[size:]
        return size

    def push(self, content: bytes) -> None:
        """Have ``content`` read again, before anything else."""
        self._ahead[:0] = content

    @property
    def readable(self) -> bool:
        """Whether reading would give something at once, the end included.

        With TLS it takes the plain text out to see: a record may hold none.
        """
        if self._ahead or self._at_end:
            return True
        with self._in_tls:
            if not self.is_secure:
                return bool(self._poll(select.POLLIN, 0))
            try:
                self._ahead += (found := self._raw.recv(_CHUNK))
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            self._at_end = not found
            return True

    def send(self, content: bytes | bytearray, until: float | None = None) -> None:
        """Send all of it.

        Raises
        ------
        OSError
            ``TimeoutError`` when the other end does not take it, or that the connection is gone.
        """
        until = monotonic() + self._idle_s if until is None else until
        view = memoryview(content)
        with self._sending:
            while view:
                view = view[self._send_some(view, until) :]
        self._acknowledge_at_once()

    def _acknowledge_at_once(self) -> None:
        """Ask for it anew: the kernel forgets it with every answer."""
        if _QUICK is not None:
            with suppress(OSError):  # no TCP, or gone
                self._raw.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)

    def _send_some(self, view: memoryview, until: float) -> int:
        while True:
            with self._in_tls:
                try:
                    return self._raw.send(view)
                except (BlockingIOError, ssl.SSLWantWriteError):
                    wanted = select.POLLOUT
                except ssl.SSLWantReadError:
                    wanted = select.POLLIN
            self._wait(wanted, until)

    def hang_up(self) -> None:
        """End it from another thread: who waits on it sees the end at once."""
        with suppress(OSError):
            socket.socket.shutdown(self._raw, socket.SHUT_RDWR)

    def close(self) -> None:
        """Say that nothing follows, as TLS wants it said (RFC 8446 6.1), and let go."""
        with suppress(OSError, ValueError), self._in_tls:
            if isinstance(self._raw, ssl.SSLSocket):
                self._raw.unwrap()
        with suppress(OSError):
            socket.socket.shutdown(self._raw, socket.SHUT_RDWR)
        self._raw.close()

    def part(self) -> None:
        """Close, but let the other end read first what was sent last."""
        with suppress(OSError):
            socket.socket.shutdown(self._raw, socket.SHUT_WR)
            until, scrap = monotonic() + _FAREWELL_S, memoryview(bytearray(_CHUNK))
            while self.read_into(scrap, until) and monotonic() < until:
                pass
        self.close()

    def _wait(self, wanted: int, until: float) -> None:
        if not self._poll(wanted, max(0.0, until - monotonic())):
            raise TimeoutError("timed out")

    def _poll(self, wanted: int, seconds: float) -> bool:
        """Wait for the socket; not by ``select``, which knows no number above 1023."""
        number = self._raw.fileno()
        if number < 0:
            raise ConnectionError("closed on our side")
        waiting = select.poll()
        waiting.register(number, wanted)
        return bool(waiting.poll(int(seconds * 1000) + bool(seconds)))
