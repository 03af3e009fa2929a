"""Each stage ticks on its own: APScheduler calls it, never twice at once, and keeps no state."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from dicom_node import log
from dicom_node.db import Database
from dicom_node.db.setback import bring_back, latest
from dicom_node.errors import NodeError

__all__ = ["Clock", "SetBack", "Stage", "utc_now"]

_log = log.get("clock")
_TOLERATED = timedelta(seconds=5)
"""Clocks that are kept right go back by less."""


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


class SetBack:
    """A stage that sees that the system's clock was set back, and brings with it what waits.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: datetime | None = None

    def tick(self, now: datetime) -> int:
        """Compare with the time of the last tick; at the first, with what the database knows."""
        if self._last is None:
            with self._database.reading() as session:
                self._last = latest(session)
        if self._last is not None and self._last - now > _TOLERATED:
            back = self._last - now
            with self._database.transaction() as session:
                count = bring_back(session, now, back)
            _log.warning("clock set back", seconds=round(back.total_seconds()), waiting=count)
        self._last = now
        return 0


def _ticking(name: str, stage: Stage) -> Callable[[], None]:
    def tick() -> None:
        try:
            stage.tick(utc_now())
        except (
            NodeError
        ) as exc:  # a database that was away comes back; a bug is APScheduler's to log
            _log.warning("tick failed", stage=name, why=str(exc))

    return tick
