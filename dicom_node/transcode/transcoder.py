"""The process that decodes, from outside: started when first needed, and again when it died."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Self

from dicom_node.errors import NodeError

__all__ = ["CannotTranscode", "Transcoder"]


class CannotTranscode(NodeError):
    """An object cannot be had in the transfer syntax that is wanted; the text says why."""


class Transcoder:
    """Turns objects into native transfer syntaxes, one at a time, in a process of its own.

    Safe to call from many threads: they take turns.

    Parameters
    ----------
    scratch : Path or None
        A folder with room for one object a caller; nothing is left in it. None: the system's.
    limit_s : float
        How long one object may take; the process is killed then, and another one started.
    """

    def __init__(self, scratch: Path | None = None, limit_s: float = 60.0) -> None:
        self._scratch = scratch
        self._limit_s = limit_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def converted(self, path: Path, to: str) -> Iterator[tuple[BinaryIO, int]]:
        """Give the data set of a Part 10 file in transfer syntax ``to``, and its size in bytes.

        Raises
        ------
        CannotTranscode
            When it cannot be had.
        """
        with ExitStack() as files:
            try:
                source = files.enter_context(path.open("rb"))
                target = files.enter_context(TemporaryFile(dir=self._scratch))
                size = self._convert(source, target, to)
                target.seek(0)
            except OSError as exc:
                why = exc.strerror or str(exc)
                raise CannotTranscode(f"the file cannot be converted: {why}") from exc
            yield target, size

    def close(self) -> None:
        """End the process, if one runs."""
        with self._turn:
            self._end()

    def _convert(self, source: BinaryIO, target: BinaryIO, to: str) -> int:
        if not self._turn.acquire(timeout=self._limit_s):
            raise CannotTranscode(f"others were converted for more than {self._limit_s:g} s")
        try:
            answer = self._ask(source, target, to)
        finally:
            self._turn.release()
        if "why" in answer:
            raise CannotTranscode(str(answer["why"]))
        return int(answer["size"])

    def _ask(self, source: BinaryIO, target: BinaryIO, to: str) -> dict[str, int | str]:
        try:
            orders = self._started()
            order = json.dumps({"to": to}).encode()
            socket.send_fds(orders, [order], [source.fileno(), target.fileno()])
            answer: dict[str, int | str] | None = json.loads(orders.recv(4096) or b"null")
        except (OSError, ValueError) as exc:
            self._end()
            if isinstance(exc, TimeoutError):
                raise CannotTranscode(f"it took more than {self._limit_s:g} s") from exc
            raise CannotTranscode(f"the process that decodes failed: {exc}") from exc
        if answer is None:
            self._end()
            raise CannotTranscode("the process that decodes died of it")
        return answer

    def _started(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._end()  # it died between two orders, of nothing that was asked
        if self._orders is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(self._limit_s)
            number = theirs.fileno()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    (sys.executable, "-m", "dicom_node.transcode.child", str(number)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(number,),
                    start_new_session=True,  # Ctrl-C in a terminal is for us
                )
            self._orders = ours
        return self._orders

    def _end(self) -> None:
        process, self._process = self._process, None
        orders, self._orders = self._orders, None
        if orders is not None:
            orders.close()
        if process is not None:
            process.kill()
            process.wait()
