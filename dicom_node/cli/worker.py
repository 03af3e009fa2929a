"""One more worker process."""

import os
import signal
import threading
from types import FrameType

import click

from dicom_node import log
from dicom_node.app.clock import utc_now
from dicom_node.cli.context import Context
from dicom_node.errors import NodeError
from dicom_node.worker import WorkerStage

__all__ = ["worker"]

_log = log.get("worker")
_LOOK_EVERY_S = 0.25


@click.command()
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input closes.")
@click.pass_obj
def worker(context: Context, with_parent: bool) -> None:
    """Run jobs, until stopped: one more worker, here or on another host.

    Another host needs the same configuration folder, the same database (PostgreSQL) and the same
    data folder. SIGTERM: the job in hand is finished if it is quick, else handed back.

    \b
    Example:
      dicom-node worker
    """
    node = context.open()
    log.configure(node.settings.file.log.level)
    stage = node.worker()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        stage.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if with_parent:
        threading.Thread(target=_follow_parent, daemon=True).start()
    while not stop.is_set():
        if not _tick(stage):
            stop.wait(_LOOK_EVERY_S)


def _tick(stage: WorkerStage) -> int:
    try:
        return stage.tick(utc_now())
    except NodeError as exc:  # a database or a disk that was away comes back
        _log.warning("tick failed", stage="worker", why=str(exc))
        return 0


def _follow_parent() -> None:
    """Wait for the end of standard input: then the serving process is gone, and so are we."""
    while os.read(0, 4096):  # unbuffered: a buffer's lock would be in the way of a normal exit
        continue
    os._exit(0)
