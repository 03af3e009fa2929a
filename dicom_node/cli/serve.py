"""Listener, stages, and the processes of workers and web."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from types import FrameType

import click

from dicom_node import log
from dicom_node.app import BEAT_S, Clock, Node, Pulse, Stage, tell_started, tell_stopped
from dicom_node.app.clock import utc_now
from dicom_node.archive.upkeep import ORPHANS, sweep
from dicom_node.audit import SyslogStage
from dicom_node.cli.context import Context
from dicom_node.destination import DestinationStage
from dicom_node.destination.receipt import ReceiptStage
from dicom_node.errors import NodeError
from dicom_node.installation import only_one
from dicom_node.processes import Kind

__all__ = ["serve"]

_log = log.get("serve")
_STOP_S = 9.0
"""A stop takes less than ten seconds, whatever hangs: leases and rows say what was in hand."""
_LATE_S = 0.7
_LISTENER_GRACE_S = 3.0
_AGAIN_S = 5.0
_ORPHANS = "left by a crash, or by a database that is not there any more; 'ingest' keeps them"


class _Beside:
    """A process beside us, started again when it ends. It ends when we do: its input closes.

    Parameters
    ----------
    context : Context
    command : str
        ``worker`` or ``web``.
    """

    def __init__(self, context: Context, command: str) -> None:
        self._command = command
        self._arguments = (
            sys.executable, "-m", "dicom_node", "--conf", str(context.conf), command,
            "--with-parent",
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._ending = False

    def tick(self, now: datetime) -> int:  # noqa: ARG002 - the shape of every stage
        """Start it where it does not run; 1 if it was started."""
        if self._ending or (self._process is not None and self._process.poll() is None):
            return 0
        if self._process is not None and time.monotonic() - self._started_at < _AGAIN_S:
            return 0
        if self._process is not None:
            _log.error(f"{self._command} ended", status=self._process.returncode)
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own command
            self._arguments,
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for us; we ask it to end
        )
        _log.info(f"{self._command} started", pid=self._process.pid)
        return 1

    def terminate(self) -> None:
        """Ask it to end; no other is started."""
        self._ending = True
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait for its end; after ``seconds`` it is killed."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()


@click.command()
@click.pass_obj
def serve(context: Context) -> None:
    """Receive studies, plan, make what is missing, and send it on, until stopped.

    Starts the listener, the stages, the worker processes (worker.count) and the web process
    (web.enabled). SIGTERM or Ctrl-C: what is in hand is finished or handed back, then it exits with
    status 0 within 10 seconds.

    \b
    Example:
      dicom-node --conf /etc/dicom-node serve
      NODE_LISTEN__PORT=11113 dicom-node serve
    """
    node = context.begin()
    log.configure(node.settings.file.log.level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _setter(stop))
    _end_in_time()
    with only_one(node.settings.data):
        _run(node, context, stop)
        node.database.close()  # SQLite then leaves one file, and whoever copies that has all
    # threads that still wait for a silent peer would hold the process; their rows are safe
    sys.stderr.flush()
    os._exit(0)


def _setter(stop: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handler(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return handler


def _run(node: Node, context: Context, stop: threading.Event) -> None:
    started_at = utc_now()
    node.hold_trail(started_at)
    tell_started(node.audit, started_at, node.settings, node.catalogue, context.environ)
    node.recover()
    listener = node.listener()
    listener.start()
    processes = [_Beside(context, "worker") for _ in range(node.settings.file.worker.count)]
    processes += [_Beside(context, "web")] if node.settings.file.web.enabled else []
    stages = node.stages()
    pulse = Pulse(node.database, Kind.LISTENER, node.tally, started_at, node.levels)
    beside: dict[str, tuple[Stage, float]] = {
        f"process {number}": (one, 1.0) for number, one in enumerate(processes, start=1)
    }
    clock = Clock({**stages, **beside, "pulse": (pulse, BEAT_S)})
    for process in processes:
        process.tick(started_at)
    clock.start()
    _beat(pulse)
    threading.Thread(target=_sweep, args=(node, started_at), daemon=True).start()
    stop.wait()
    deadline = time.monotonic() + _STOP_S
    _log.info("stopping")
    for process in processes:
        process.terminate()
    for stage, _ in stages.values():
        if isinstance(stage, DestinationStage | ReceiptStage | SyslogStage):
            stage.stop()
    listener.stop(_LISTENER_GRACE_S)
    stopping = threading.Thread(target=clock.stop, daemon=True)
    stopping.start()
    stopping.join(max(0.1, deadline - time.monotonic() - 1.0))
    for process in processes:
        process.wait(deadline - time.monotonic())
    pulse.end()
    tell_stopped(node.audit, utc_now(), context.environ)
    node.hold_trail(utc_now())
    _log.info("stopped")


def _end_in_time() -> None:
    """End the process soon after it was asked to, as a kill would, where something hangs.

    A signal reaches Python's handlers once the main thread is back from whatever it waits for, a
    locked database say; the byte in this pipe is there at once.
    """
    asked, ask = os.pipe()
    os.set_blocking(ask, False)
    signal.set_wakeup_fd(ask)

    def watch() -> None:
        while os.read(asked, 1)[0] not in {signal.SIGTERM, signal.SIGINT}:
            continue
        time.sleep(_STOP_S + _LATE_S)
        _log.warning("stopped late", why="something hangs; what was in hand is taken up again")
        sys.stderr.flush()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def _beat(pulse: Pulse) -> None:
    try:
        pulse.tick(utc_now())
    except NodeError as exc:  # the next beat is ten seconds away
        _log.warning("tick failed", stage="pulse", why=str(exc))


def _sweep(node: Node, started_at: datetime) -> None:
    try:
        moved = sweep(node.database, node.archive.folder, started_at)
    except (NodeError, OSError) as exc:  # nothing waits for it; the next start sweeps again
        _log.warning("not swept", why=str(exc))
        return
    if moved:
        folder = node.archive.folder / ORPHANS
        _log.warning("files without a row", files=moved, folder=str(folder), why=_ORPHANS)
