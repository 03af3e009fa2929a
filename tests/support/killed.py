"""A process of its own that stops at a chosen step: each SQL statement, each commit, and each
change of the disk is one."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable

from sqlalchemy import Engine, event

_CHANGES = {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.utime"}
_BLOCKED_S = 0.1
_LIMIT_S = 60


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do ``work`` in a child that is killed when it is about to take a step; from 1.

    Returns
    -------
    bool
        Whether it was killed; False when it came to its end in fewer steps.
    """
    child = _child(step, work, lambda: os.kill(os.getpid(), signal.SIGKILL))
    child.join(_LIMIT_S)
    assert child.exitcode in (0, -signal.SIGKILL), f"step {step} ended with {child.exitcode}"
    return child.exitcode != 0


def interrupted_at(step: int, work: Callable[[], object], meanwhile: Callable[[], object]) -> bool:
    """Do ``work`` in a child; when it is about to take a step, do something else here first.

    Where that waits for something that the child holds, both go on together. Returns whether the
    child came that far.
    """
    here, there = multiprocessing.get_context("fork").Pipe()

    def pause() -> None:
        there.send("stopped")
        there.poll(_LIMIT_S)

    child = _child(step, work, pause)
    there.close()
    other = threading.Thread(target=meanwhile)
    try:
        stopped = here.poll(_LIMIT_S) and here.recv() == "stopped"
    except EOFError:
        stopped = False
    if stopped:
        other.start()
        other.join(_BLOCKED_S)
        here.send("go on")
        other.join(_LIMIT_S)
        assert not other.is_alive(), f"step {step}: who came meanwhile waits for ever"
    child.join(_LIMIT_S)
    assert child.exitcode == 0, f"step {step} ended with {child.exitcode}"
    return stopped


def _child(step: int, work: Callable[[], object], then: Callable[[], None]):
    def run() -> None:
        left = step

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                then()

        def changed(name: str, arguments: tuple) -> None:
            writes = name == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if name in _CHANGES or writes:
                count()

        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        sys.addaudithook(changed)
        work()

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    return child
