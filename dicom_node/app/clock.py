"""Each stage ticks on its own: APScheduler calls it, never twice at once, and keeps no state."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from dicom_node import log
from dicom_node.errors import NodeError

__all__ = ["Clock", "Stage", "utc_now"]

_log = log.get("clock")


class Stage(Protocol):
    """Something that moves rows from one state to the next."""

    def tick(self, now: datetime) -> int:
        """Do what is due; return how many things moved."""


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Clock:
    """Ticks stages until it is stopped.

    Parameters
    ----------
    stages : mapping
        Name to stage and seconds between ticks.
    """

    def __init__(self, stages: Mapping[str, tuple[Stage, float]]) -> None:
        # a tick that outlasts its interval, a long sending say, is no news
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(max(1, len(stages)))}, timezone=UTC
        )
        for name, (stage, every_s) in stages.items():
            self._scheduler.add_job(
                _ticking(name, stage),
                IntervalTrigger(seconds=every_s, timezone=UTC),
                id=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """End: no new tick begins; ticks that run are waited for."""
        self._scheduler.shutdown(wait=True)


def _ticking(name: str, stage: Stage) -> Callable[[], None]:
    def tick() -> None:
        try:
            stage.tick(utc_now())
        except (
            NodeError
        ) as exc:  # a database that was away comes back; a bug is APScheduler's to log
            _log.warning("tick failed", stage=name, why=str(exc))

    return tick
