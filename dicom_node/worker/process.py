"""A child process: whatever happens in it fails a job, not the node."""

import selectors
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from dicom_node.errors import NodeError

__all__ = ["Child", "ChildDied"]


class ChildDied(NodeError):
    """The child ended without an answer."""


class Child:
    """One child that does one piece of work after another, and is started anew when it died.

    It reads lines from its standard input and writes one line per line to its standard output; its
    standard error is ours. When we die its input closes, and it ends.

    Parameters
    ----------
    arguments : sequence of str
        Of the Python interpreter, e.g. ``("-m", "dicom_node.worker.child", …)``.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = (sys.executable, *arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""

    @property
    def pid(self) -> int | None:
        """Process number of the running child."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child unless one runs."""
        if self._process is not None and self._process.poll() is None:
            return
        self._heard = b""
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for who gives the work
        )

    def give(self, line: str) -> None:
        """Hand a line to the child.

        Raises
        ------
        ChildDied
            When it is not there any more.
        """
        self.start()
        process = self._running()
        try:
            if process.stdin is None:
                raise ChildDied("the child has no input")
            process.stdin.write(line.encode())
            process.stdin.flush()
        except OSError as exc:
            raise ChildDied(self._epitaph()) from exc

    def answer(self, wait_s: float) -> str | None:
        """Return the child's line, or None when it did not come within ``wait_s``.

        Raises
        ------
        ChildDied
            When it ended instead; the text says how.
        """
        process = self._running()
        if process.stdout is None:
            raise ChildDied("the child has no output")
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            if not ready.select(wait_s):
                return None
        heard = process.stdout.read1(65536)  # type: ignore[attr-defined]
        if not heard:
            raise ChildDied(self._epitaph())
        self._heard += heard
        line, end, rest = self._heard.partition(b"\n")
        if not end:
            return None
        self._heard = rest
        return str(line.decode())

    def stop(self) -> None:
        """End the child at once."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise ChildDied("no child was started")
        return self._process

    def _epitaph(self) -> str:
        """Say how the child ended, and forget it."""
        process = self._running()
        code = process.wait()
        self.stop()
        if code < 0:
            return f"the child was killed by signal {-code}"
        return f"the child ended with status {code}; the log has its last words"
