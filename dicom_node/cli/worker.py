"""One more worker process."""

import signal
import threading
from types import FrameType

import click

from dicom_node import log
from dicom_node.app import Pulse
from dicom_node.app.clock import utc_now
from dicom_node.audit import alerts, person_of
from dicom_node.cli.context import Context, follow_parent
from dicom_node.errors import NodeError
from dicom_node.processes import Kind
from dicom_node.worker import Gpus, WorkerStage

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
    node = context.begin()
    log.configure(node.settings.file.log.level)
    stage = node.worker()
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        stage.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if with_parent:
        threading.Thread(target=follow_parent, daemon=True).start()
    else:  # with one, the parent tells
        node.audit.record(alerts.application_started(utc_now(), person_of(context.environ)))
    with Pulse(node.database, Kind.WORKER, node.tally, utc_now(), Gpus().levels).beating():
        while not stop.is_set():
            if not _tick(stage):
                stop.wait(_LOOK_EVERY_S)
    if not with_parent:
        node.audit.record(alerts.application_stopped(utc_now(), person_of(context.environ)))


def _tick(stage: WorkerStage) -> int:
    try:
        return stage.tick(utc_now())
    except NodeError as exc:  # a database or a disk that was away comes back
        _log.warning("tick failed", stage="worker", why=str(exc))
        return 0
