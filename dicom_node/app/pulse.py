"""Each process says that it lives, and what it has counted."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from dicom_node import log
from dicom_node.app.clock import utc_now
from dicom_node.db import Database
from dicom_node.errors import NodeError
from dicom_node.lease import process_owner
from dicom_node.processes import Beat, Kind, Processes
from dicom_node.tally import Count, Tally

__all__ = ["BEAT_S", "Pulse"]

_log = log.get("pulse")
BEAT_S = 10.0


def _nothing(_now: datetime) -> tuple[Count, ...]:
    return ()


class Pulse:
    """A stage that writes down that its process lives.

    Parameters
    ----------
    database : Database
    kind : Kind
        What the process is for.
    tally : Tally
        What it counts.
    started_at : datetime
        UTC.
    levels : callable
        The time to what it measures, beside what it counts.
    """

    def __init__(
        self,
        database: Database,
        kind: Kind,
        tally: Tally,
        started_at: datetime,
        levels: Callable[[datetime], Iterable[Count]] = _nothing,
    ) -> None:
        self._database = database
        self._kind = kind
        self._tally = tally
        self._started_at = started_at
        self._levels = levels
        self._owner = process_owner()

    def tick(self, now: datetime) -> int:
        """Beat once."""
        counts = (*self._tally.counts(), *self._levels(now))
        with self._database.transaction() as session:
            beat = Beat(self._owner, self._kind, self._started_at, now, counts)
            Processes(session).beat(beat)
        return 0

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat in a thread until the end, and then say that the process ended as it should."""
        ended = threading.Event()
        thread = threading.Thread(target=self._beat, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(BEAT_S)
            self.end()

    def end(self) -> None:
        """Say that the process ended as it should; nothing beats after this."""
        try:
            with self._database.transaction() as session:
                Processes(session).ended(self._owner)
        except NodeError as exc:  # it is then missed for a while
            _log.warning("end not kept", why=str(exc))

    def _beat(self, ended: threading.Event) -> None:
        noted = log.noting(_log.bind(stage="pulse"), "bug in a tick")
        while not ended.is_set():
            with ExitStack() as bugs:
                bugs.push(noted)  # a process that beats no more counts as dead, and goes on serving
                self._try()
            ended.wait(BEAT_S)

    def _try(self) -> None:
        try:
            self.tick(utc_now())
        except NodeError as exc:  # a database that was away comes back
            _log.warning("tick failed", stage="pulse", why=str(exc))
