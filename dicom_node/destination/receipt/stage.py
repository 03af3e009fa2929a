"""The stage: sent → receipted, or back to be sent again."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.backoff import Daily, next_try
from dicom_node.commitment import Reference
from dicom_node.db import Database
from dicom_node.destination.receipt.commit import Commitments
from dicom_node.destination.receipt.count import Counts
from dicom_node.dicom import new_uid
from dicom_node.errors import PeerAway, PeerRefused
from dicom_node.outbox import Receipts, Unvouched

__all__ = ["ReceiptStage", "Times", "Ways"]

_log = log.get("destination")
_REMEMBERED = timedelta(days=90)
_SOON = timedelta(minutes=5)
"""Where asking ends in a way that nobody has foreseen, or we die, it is asked again then."""
_LONG = timedelta(hours=1)
"""Nobody is left alone for so long: the clock was set back."""
_BUG = "this node failed to ask; its log says why"
_SLOWER = 4
"""What was sent again and is still not listed may be held back there, by a person who checks it."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How a destination can be asked; ``why_not`` says why where it cannot at all."""

    commitments: Commitments | None = None
    counts: Counts | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """How often and how long.

    Parameters
    ----------
    report : timedelta
        A request without a report is made again after so long.
    count : timedelta
        What a count did not find is looked for again after so long.
    asks : int
        So many requests; then it is counted.
    resends : int
        So often what is not there is sent again.
    stay_s : float
        So long an association is kept open for the report.
    """

    report: timedelta
    count: timedelta
    asks: int
    resends: int
    stay_s: float = 3.0


class ReceiptStage:
    """Ask one destination for what was sent to it.

    Parameters
    ----------
    name : str
        The destination's.
    ways : Ways
        How it is asked.
    store : (Database, Path)
        The database, and the archive's folder.
    times : Times
    now : callable
        The clock, UTC: asking takes time.
    """

    def __init__(
        self,
        name: str,
        ways: Ways,
        store: tuple[Database, Path],
        times: Times,
        now: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._ways = ways
        self._database, self._folder = store
        self._times = times
        self._now = now
        self._away = 0
        self._away_until: datetime | None = None
        self._forgetting = Daily()
        self._stopping = Event()

    def stop(self) -> None:
        """Ask for an end: no further delivery is asked for."""
        self._stopping.set()

    def tick(self, now: datetime) -> int:
        """Ask for every delivery that is due; return how many were asked for."""
        self._forget(now)
        asked = 0
        while not self._stopping.is_set() and (sent := self._next()) is not None:
            self._vouch(sent)
            asked += 1
        return asked

    def _next(self) -> Unvouched | None:
        now = self._now()
        if self._away_until is not None and now < self._away_until < now + _LONG:
            return None
        with self._database.reading() as session:
            sent = self._receipts(session).due(self._name, now)
        if sent is None or not self._ways.why_not:
            return sent
        with self._database.transaction() as session:
            self._receipts(session).nobody(self._name, self._ways.why_not)
        return None

    def _vouch(self, sent: Unvouched) -> None:
        with ExitStack() as after_a_bug:  # what fails in whatever way does not block the others
            after_a_bug.callback(self._later, sent, self._now() + _SOON, _BUG)
            try:
                self._ask(sent)
                self._away, self._away_until = 0, None
            except PeerAway as exc:
                self._away += 1
                self._away_until = next_try(self._now(), self._away)
                _log.warning("not asked for a receipt", destination=self._name, why=str(exc))
                self._later(sent, self._away_until, str(exc))
            after_a_bug.pop_all()

    def _later(self, sent: Unvouched, again: datetime, why: str) -> None:
        with self._database.transaction() as session:
            self._receipts(session).later(sent, again, why)

    def _ask(self, sent: Unvouched) -> None:
        """Ask in the best way that is left."""
        if self._ways.commitments is not None and sent.instances and sent.asks < self._times.asks:
            try:
                self._commit(self._ways.commitments, sent)
            except PeerRefused as exc:
                self._count(sent, str(exc))
        else:
            self._count(sent, f"{self._name} was asked {sent.asks} times and sent no report")

    def _commit(self, commitments: Commitments, sent: Unvouched) -> None:
        with commitments.line() as line:
            uid, now = new_uid(), self._now()
            with self._database.transaction() as session:
                self._receipts(session).begin(sent, uid, now, now + _SOON)
            instances = [Reference(i.sop_class_uid, i.sop_instance_uid) for i in sent.instances]
            why = None
            try:
                line.ask(uid, instances)
            except PeerRefused as exc:
                self._refused(sent, str(exc))
                return
            except PeerAway as exc:  # it may have taken the request all the same
                why = str(exc)
            with self._database.transaction() as session:
                self._receipts(session).accepted(sent, self._now() + self._times.report, why)
            _log.info("asked to commit", destination=self._name, series_uid=sent.series_uid,
                      instances=len(instances), transaction_uid=uid)  # fmt: skip
            line.wait(lambda: commitments.is_open(uid), self._times.stay_s, self._stopping)

    def _refused(self, sent: Unvouched, why: str) -> None:
        """Ask once more, or count, a while later."""
        _log.warning("request to commit refused", destination=self._name, why=why)
        again = self._now() + self._times.count * (sent.asks + 1)
        with self._database.transaction() as session:
            self._receipts(session).refused(sent, again, why)

    def _count(self, sent: Unvouched, why: str) -> None:
        """Count, where that can be done; else nobody vouches for it."""
        counts, now = self._ways.counts, self._now()
        if sent.instances and counts is None:
            with self._database.transaction() as session:
                self._receipts(session).give_up(sent, f"{why}; nobody vouches for it")
            _log.warning("no receipt", destination=self._name, why=why)
            return
        held: frozenset[str] | None = frozenset()
        how = "by storage commitment"  # of everything, before a last instance was sent again
        if counts is not None and sent.instances:
            try:
                counted = counts.count(sent.instances, sent.total)
            except PeerRefused as exc:
                self._cannot_count(sent, f"{why}; {exc}" if self._ways.commitments else str(exc))
                return
            held, how = counted.held, counted.how
        again = now + self._times.count * _SLOWER**sent.resends
        with self._database.transaction() as session:
            self._receipts(session).counted(sent, held, how, now, again)

    def _cannot_count(self, sent: Unvouched, why: str) -> None:
        """Look again a few times; then nobody vouches for it."""
        with self._database.transaction() as session:
            receipts = self._receipts(session)
            if sent.asks >= 2 * self._times.asks:
                receipts.give_up(sent, f"{why}; nobody vouches for it")
            else:
                receipts.refused(sent, self._now() + self._times.count, why)
        _log.warning("no receipt", destination=self._name, why=why)

    def _forget(self, now: datetime) -> None:
        """Once a day, drop requests of months ago."""
        if not self._forgetting.is_due(now):
            return
        with self._database.transaction() as session:
            self._receipts(session).forget(now - _REMEMBERED)

    def _receipts(self, session: Session) -> Receipts:
        return Receipts(session, self._folder, self._times.resends)
