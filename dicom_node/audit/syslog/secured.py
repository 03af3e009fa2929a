"""TLS over a connection, with an end that says whether the other side came to it too."""

import socket
import ssl
from contextlib import suppress

__all__ = ["Secured"]

_AT_ONCE = 65_536


class Secured:
    """The client's side of TLS on a connected socket.

    Python's own TLS socket reads while it says goodbye, and takes a refusal that comes meanwhile,
    of our certificate say, for the other's goodbye (TLS 1.3 refuses after the client's handshake is
    over). Here nothing is read until goodbye is said, and then everything.

    Parameters
    ----------
    raw : socket
        Connected, with a time limit.
    context : SSLContext
    host : str
        The name that the certificate has to have.

    Raises
    ------
    OSError
        When the other side is not who it should be, or does not answer.
    """

    def __init__(self, raw: socket.socket, context: ssl.SSLContext, host: str) -> None:
        self._raw = raw
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._coming, self._going, server_hostname=host)
        try:
            while not self._is_agreed():
                self._flush()
                self._read()
        except ssl.SSLError:
            with suppress(OSError):  # tell the other side what we have against it
                self._flush()
            raise
        self._flush()

    def _is_agreed(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def send(self, content: bytes) -> None:
        """Send ``content``, all of it."""
        self._tls.write(content)  # into memory: it takes everything
        self._flush()

    def finish(self) -> None:
        """Say that this is the end (RFC 5425 4.4), and read until the other side ends.

        One that closes without a word, or says nothing within the time limit, is no error: what it
        has got is for the caller to find out. A refusal is one.
        """
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._flush()
        with suppress(TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            while self._has_more():
                continue

    def _has_more(self) -> bool:
        try:
            return bool(self._tls.read(_AT_ONCE))
        except ssl.SSLWantReadError:
            self._read()
            return True

    def _read(self) -> None:
        content = self._raw.recv(_AT_ONCE)
        if content:
            self._coming.write(content)
        else:
            self._coming.write_eof()

    def _flush(self) -> None:
        self._raw.sendall(self._going.read())
