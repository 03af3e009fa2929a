"""The small object that the rest of the node calls: ``record(event)``."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dicom_node import log
from dicom_node.archive.group import GroupCommit
from dicom_node.audit.damper import Damper
from dicom_node.audit.journal import Appended, Journal, NewLine
from dicom_node.audit.message import Event, Source, to_xml
from dicom_node.audit.message.alerts import recording_stopped
from dicom_node.errors import JournalBroken

__all__ = ["Audit", "Recorder", "Silence"]

_log = log.get("audit")
_MOST_WAITING = 1000


class Audit(Protocol):
    """Where events go."""

    @property
    def on(self) -> bool:
        """Whether they go anywhere: what costs time to find out can be left where they do not."""

    def record(self, *events: Event) -> None:
        """Keep events for good, in this order, before the call returns.

        The care of patients does not wait for its own log: where the journal cannot be written,
        the log says so, the messages wait in memory and are written when it can be again, and then
        an event says that there may be a hole.
        """

    def flush(self, now: datetime | None) -> None:
        """Tell what was only counted: of minutes that are over; with None, all of it."""


@dataclass(frozen=True, slots=True)
class Silence:
    """An audit that is off."""

    on: bool = False

    def record(self, *events: Event) -> None:
        """Do nothing."""

    def flush(self, now: datetime | None) -> None:
        """Do nothing."""


class Recorder:
    """Writes events into the journal. Safe for threads; what they write at once is synced once.

    Parameters
    ----------
    journal : Journal
    source : Source
        Who tells.
    now : callable
        The clock, UTC.
    """

    def __init__(self, journal: Journal, source: Source, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._source = source
        self._now = now
        self._damper = Damper()
        self._group = GroupCommit[Sequence[NewLine], Appended](self._append)
        self._lock = threading.Lock()
        self._waiting: list[NewLine] = []
        self._lost = 0

    @property
    def on(self) -> bool:
        """Yes."""
        return True

    def record(self, *events: Event) -> None:
        """Write events; see :class:`Audit`."""
        now = self._now()
        self._write([one for event in events for one in self._damper.due(event, now)], now)

    def flush(self, now: datetime | None) -> None:
        """Write what was only counted, and what could not be written before."""
        self._write(self._damper.over(now), self._now())

    def _write(self, events: Sequence[Event], now: datetime) -> None:
        fresh = [NewLine(to_xml(event, self._source), now) for event in events]
        with self._lock:
            lines, self._waiting = [*self._waiting, *fresh], []
            lost, self._lost = self._lost, 0
        if not lines:
            return
        try:
            holes = list(self._group.submit(lines).findings)
        except JournalBroken as exc:
            self._wait(lines, lost, str(exc))
            return
        if lost:
            holes.append(f"{lost} messages could not be written, and are lost")
        self._tell(holes, now)

    def _append(self, batches: Sequence[Sequence[NewLine]]) -> Sequence[Appended]:
        """Write what several threads have; the first of them is told what was found."""
        done = self._journal.append([line for lines in batches for line in lines])
        return [done, *(Appended(done.head) for _ in batches[1:])]

    def _wait(self, lines: Sequence[NewLine], lost: int, why: str) -> None:
        """Keep lines for the next try, the oldest ones if they are too many."""
        with self._lock:
            waiting = [*lines, *self._waiting]
            self._waiting = waiting[:_MOST_WAITING]
            self._lost += lost + len(waiting) - len(self._waiting)
            _log.error("audit not written", waiting=len(self._waiting), lost=self._lost, why=why)

    def _tell(self, holes: Sequence[str], now: datetime) -> None:
        """Say in the log and in the journal itself what is wrong with the journal."""
        uri = self._journal.folder.as_uri()
        for why in holes:
            _log.error("audit trail damaged", why=why)
            alert = to_xml(recording_stopped(now, uri, why), self._source)
            try:
                self._journal.append([NewLine(alert, now)])
            except JournalBroken as exc:
                self._wait([NewLine(alert, now)], 0, str(exc))
