"""Wait for what happens in another thread or process."""

import socket
import time
from collections.abc import Callable
from typing import Any

_LOOK_EVERY_S = 0.01


def until(check: Callable[[], Any], wait_s: float = 60.0) -> Any:
    """Return what ``check`` finds as soon as it finds something; fail if it does not in time."""
    deadline = time.monotonic() + wait_s
    while not (found := check()):
        assert time.monotonic() < deadline, f"it did not happen in {wait_s:g} s"
        time.sleep(_LOOK_EVERY_S)
    return found


def until_open(port: int) -> None:
    """Return as soon as somebody listens there."""

    def is_open() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return False
        return True

    until(is_open, 10.0)
