"""A syslog receiver that keeps what it is sent: over TLS, TCP or UDP, and can be away."""

import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.pki import Pair

HEADER = re.compile(
    rb"<(?P<pri>\d{1,3})>1 (?P<time>\S+) (?P<host>[\x21-\x7e]{1,255}) (?P<app>[\x21-\x7e]{1,48}) "
    rb"(?P<process>[\x21-\x7e]{1,128}) (?P<msgid>[\x21-\x7e]{1,32}) "
    rb'(?P<data>-|(?:\[[^\]]*\])+) \xef\xbb\xbf(?P<message>.*)', re.DOTALL,
)  # fmt: skip


@dataclass(frozen=True)
class Received:
    """One syslog message, taken apart by RFC 5424."""

    pri: int
    time: str
    host: str
    msgid: str
    data: str
    message: str

    @classmethod
    def of(cls, raw: bytes) -> "Received":
        found = HEADER.fullmatch(raw)
        assert found, raw[:200]
        text = {name: value.decode() for name, value in found.groupdict().items()}
        return cls(
            int(text["pri"]), text["time"], text["host"], text["msgid"], text["data"],
            text["message"],
        )  # fmt: skip

    @property
    def number(self) -> int:
        return int(re.fullmatch(r'\[meta sequenceId="(\d+)"\]', self.data)[1])


class SyslogReceiver:
    """Listens between ``start`` and ``stop``, always on the same port.

    ``rude``: it never says that it has come to the end, as some receivers do.
    """

    def __init__(self, port: int, *, identity: Pair | None = None, clients: Path | None = None,
                 kind: str = "tls", rude: bool = False) -> None:  # fmt: skip
        self.port, self.kind, self.rude = port, kind, rude
        self.received: list[Received] = []
        self.failures: list[str] = []
        self._new = threading.Condition()
        self._open: list[socket.socket] = []
        self._context = None
        if kind == "tls":
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(identity.certificate, identity.key)
            if clients is not None:
                self._context.verify_mode = ssl.CERT_REQUIRED
                self._context.load_verify_locations(clients)

    def start(self) -> "SyslogReceiver":
        kind = socket.SOCK_DGRAM if self.kind == "udp" else socket.SOCK_STREAM
        self._listening = socket.socket(socket.AF_INET, kind)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind(("127.0.0.1", self.port))
        if self.kind != "udp":
            self._listening.listen()
        self._stopping = False
        target = self._datagrams if self.kind == "udp" else self._accept
        self._thread = threading.Thread(target=target, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopping = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        if self.kind == "udp":  # wakes who reads
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
                waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._listening.close()
        for connection in self._open:
            connection.close()
        self._open.clear()

    def wait_for(self, count: int, wait_s: float = 60.0) -> list[Received]:
        deadline = time.monotonic() + wait_s
        with self._new:
            while len(self.received) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"{len(self.received)} of {count} came; {self.failures}"
                self._new.wait(left)
            return list(self.received)

    def _keep(self, raw: bytes) -> None:
        with self._new:
            self.received.append(Received.of(raw))
            self._new.notify_all()

    def _datagrams(self) -> None:
        while not self._stopping:
            raw = self._listening.recv(2**16)
            if raw:
                self._keep(raw)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            connection.settimeout(20)
            try:
                if self._context:
                    connection = self._agreed(connection)
                self._serve(connection)
            except OSError as exc:
                self.failures.append(str(exc))
                connection.close()

    def _agreed(self, raw: socket.socket) -> ssl.SSLSocket:
        """Return the connection after the handshake.

        Where that fails, it reads on to the end before it closes: nothing but the TLS alert tells.
        """
        secured = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        try:
            secured.do_handshake()
        except OSError as exc:
            self.failures.append(str(exc))
            with suppress(OSError):
                while socket.socket.recv(secured, 4096):
                    continue
            secured.close()
            raise
        return secured

    def _serve(self, connection: socket.socket) -> None:
        left = b""
        while piece := connection.recv(4096):
            left = self._taken(left + piece)
        if left:
            self.failures.append(f"{len(left)} bytes that are no whole message")
        if self.rude:
            self._open.append(connection)
            return
        if self._context:
            with suppress(OSError):
                connection.unwrap()
        connection.close()

    def _taken(self, content: bytes) -> bytes:
        """Keep the whole messages in ``content`` (RFC 5425 4.3); return what is left."""
        while (head := re.match(rb"([1-9]\d*) ", content)) is not None:
            end = head.end() + int(head[1])
            if len(content) < end:
                break
            self._keep(content[head.end() : end])
            content = content[end:]
        return content
