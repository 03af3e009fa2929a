"""What a test leaves behind: threads, sockets, files, processes."""

import threading
import time
from contextlib import suppress
from pathlib import Path


def held() -> tuple[int, int, int]:
    """Return how many threads, descriptors and children this process has."""
    children = 0
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            children += len((task / "children").read_text().split())
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir())), children


def settle(before: tuple[int, int, int], wait_s: float = 20.0) -> tuple[int, int, int]:
    """Wait until no more is held than ``before``; return what is."""
    deadline = time.monotonic() + wait_s
    while True:
        now = held()
        if all(one <= other for one, other in zip(now, before, strict=True)):
            return before
        if time.monotonic() > deadline:
            return now
        time.sleep(0.05)
