"""A port that does not answer, and what is said to it."""

import socket
import threading
from contextlib import suppress


class Ear:
    """Whoever listens on the way: keeps what is said first, and hangs up."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._server.accept()
                with raw:
                    raw.settimeout(20)
                    self.heard.append(raw.recv(65536))

    def close(self) -> None:
        with suppress(OSError):  # closed already
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(20)
