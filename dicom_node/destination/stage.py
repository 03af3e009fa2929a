"""The stage: deliveries of one destination sent, or tried again later."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Protocol

from pydicom.errors import InvalidDicomError
from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.audit import Audit, Remote
from dicom_node.backoff import next_try
from dicom_node.db import Database
from dicom_node.destination.told import tell_begin, tell_end
from dicom_node.dicom import STORED, STORED_WITH_WARNING
from dicom_node.dimse import CannotSend
from dicom_node.errors import LeaseLost, PeerAway
from dicom_node.lease import Lease
from dicom_node.models import Signings
from dicom_node.outbox import Outbox
from dicom_node.rejections import Recalls
from dicom_node.tally import Tally
from dicom_node.values import Delivery, Instance

__all__ = ["CountedSender", "DestinationStage", "Patience", "Sender", "Target"]

_log = log.get("destination")
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_COMMIT_EVERY = 16
_WORDS = {0x0122: ": it does not take their SOP class"}
"""What is said besides the number (PS3.7 C.5)."""
_NOT_MARKED = (
    'gets no marked copies of what waits for a person; use = "research" and when_held = '
    '"send_marked" in peers.toml say who does'
)


class Sender(Protocol):
    """Something that takes instances to a destination."""

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and DIMSE status of each as it is answered."""


class CountedSender:
    """A sender whose answers are counted.

    Parameters
    ----------
    name : str
        Of the destination.
    sender : Sender
    tally : Tally
    """

    def __init__(self, name: str, sender: Sender, tally: Tally) -> None:
        self._name = name
        self._sender = sender
        self._tally = tally

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield what the sender yields."""
        for uid, status in self._sender.send(instances):
            labels = {"destination": self._name, "status": f"0x{status:04X}"}
            self._tally.add("sent_instances_total", labels)
            yield uid, status


@dataclass(frozen=True, slots=True)
class Target:
    """Where a stage sends to: who that is, named as rules name it, and how it is reached.

    Parameters
    ----------
    clinical : bool
        Whether only what signed models made goes there.
    marked : bool
        Whether it may have marked copies of what waits for a person.
    """

    who: Remote
    sender: Sender
    clinical: bool = False
    marked: bool = False


_FEWEST_TRIES = 5
"""Of a destination that is away: a clock that was set forward makes a delivery old at once."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a delivery is tried.

    Parameters
    ----------
    give_up : timedelta
        After which a peer that is away, or out of resources, is given up.
    refused_attempts : int
        After how many tries an answer that is neither success nor "out of resources" is final; and
        that an instance cannot be sent, for which its file is to blame.
    """

    give_up: timedelta
    refused_attempts: int


class DestinationStage:
    """Send what is due to one destination.

    Parameters
    ----------
    target : Target
    store : (Database, Path)
        The database, and the archive's folder.
    lease : Lease
    patience : Patience
    now : callable
        The clock, UTC: sending takes time.
    audit : Audit
        Told when a delivery begins, and how it ended.
    """

    def __init__(
        self,
        target: Target,
        store: tuple[Database, Path],
        lease: Lease,
        patience: Patience,
        now: Callable[[], datetime],
        audit: Audit,
    ) -> None:
        self._name = target.who.name
        self._target = target
        self._database, self._folder = store
        self._lease = lease
        self._patience = patience
        self._now = now
        self._audit = audit
        self._stopping = Event()

    def stop(self) -> None:
        """Ask for an end: what is being sent stops after the instance that is under way."""
        self._stopping.set()

    def tick(self, now: datetime) -> int:
        """Send every delivery that is due; return how many ended as sent.

        One that was cut off by an error of the database is taken up again at the next tick: its
        lease is ours, and we send nothing at that moment.
        """
        sent = 0
        while not self._stopping.is_set() and (delivery := self._claim(now)) is not None:
            try:
                sent += self._send(delivery)
            except LeaseLost as exc:
                _log.warning("delivery lost", delivery=delivery.id, why=str(exc))
        return sent

    def _claim(self, now: datetime) -> Delivery | None:
        with self._database.reading() as session:
            if not Outbox(session, self._folder).anything(self._name, now, self._lease.owner):
                return None
        while True:
            with self._database.transaction() as session:
                outbox = Outbox(session, self._folder)
                if lost := outbox.reclaim(now, mine=(self._name, self._lease.owner)):
                    _log.warning("deliveries reclaimed", destination=self._name, deliveries=lost)
                delivery = outbox.claim(self._name, now, self._lease)
                if delivery is None or not self._refused(session, delivery, now):
                    if delivery is not None and delivery.attempts == 1:  # before anything leaves
                        tell_begin(self._audit, now, self._target.who, delivery)
                    return delivery

    def _refused(self, session: Session, delivery: Delivery, now: datetime) -> bool:
        """Whether a delivery is given up, for this destination may not have what is in it.

        Asked last before the first byte leaves, whatever put the delivery here: a rule, a request,
        a person who released or resent it.
        """
        against = self._against(session, delivery)
        if against is None:
            return False
        outbox = Outbox(session, self._folder)
        outbox.failed(delivery, against)
        self._tell_end(outbox, delivery, now, against)
        _log.warning("delivery refused", destination=self._name, why=against)
        return True

    def _against(self, session: Session, delivery: Delivery) -> str | None:
        """Return why a delivery may not go.

        Its model is recalled, or not signed; or it is marked, and this destination takes no such.
        """
        place = delivery.study_uid, delivery.series_uid
        if recall := Recalls(session).against([place]).get(place):
            return str(recall.reason)
        if not self._target.marked and Outbox(session, self._folder).is_marked(delivery):
            return f"{self._name} {_NOT_MARKED}"
        if not self._target.clinical:
            return None
        signings = Signings(session)
        against = signings.against(delivery.study_uid, delivery.series_uid, self._name)
        return None if against is None else str(against)

    def _send(self, delivery: Delivery) -> bool:
        away: Exception | None = None
        statuses: dict[str, int] = {}
        fresh: dict[str, int] = {}  # not kept yet
        renewed, third = self._now(), timedelta(seconds=self._lease.seconds / 3)
        # nothing is unsent where a process died between the last answer and this settling
        answers = self._target.sender.send(delivery.unsent) if delivery.unsent else ()
        try:
            for uid, status in answers:
                statuses[uid] = fresh[uid] = status
                if len(fresh) == _COMMIT_EVERY or self._now() - renewed >= third:
                    wanted = self._keep(delivery, fresh)
                    fresh, renewed = {}, self._now()
                    if not wanted:  # it was rejected, or its model recalled, meanwhile
                        break
                if self._stopping.is_set():
                    break
        except (PeerAway, CannotSend, OSError, InvalidDicomError) as exc:  # or a file is no good
            away = exc
        self._keep(delivery, fresh)
        return self._settle(delivery, statuses, away)

    def _keep(self, delivery: Delivery, statuses: dict[str, int]) -> bool:
        """Keep answers; return whether the rest is to be sent."""
        now = self._now()
        with self._database.transaction() as session:
            outbox = Outbox(session, self._folder)
            wanted = outbox.renew(delivery, now, self._lease)
            place = delivery.study_uid, delivery.series_uid
            wanted = wanted and not Recalls(session).against([place])
            outbox.answered(delivery, statuses, now)
        return wanted

    def _settle(self, delivery: Delivery, statuses: dict[str, int], away: Exception | None) -> bool:
        bad = [status for status in statuses.values() if status != STORED]
        refused = [status for status in bad if status not in STORED_WITH_WARNING]
        doubted = delivery.doubted + len(bad) - len(refused)
        lacking = len(delivery.unsent) - len(statuses)
        final = _is_final(refused) or isinstance(away, CannotSend)
        now = self._now()
        with self._database.transaction() as session:
            outbox = Outbox(session, self._folder)
            if not refused and not lacking and not doubted:
                outbox.sent(delivery)
                self._tell_end(outbox, delivery, now, None)
                error = None
            else:
                error = _sentence(self._name, bad, away, doubted)
                is_there = (
                    not refused and not lacking
                )  # doubted, but there: nothing is left to send
                if not is_there and self._stopping.is_set():
                    outbox.later(delivery, now, "the node was stopped; the rest follows")
                elif is_there or self._is_over(delivery, now, final=final):
                    outbox.failed(delivery, error)
                    self._tell_end(outbox, delivery, now, error)
                else:
                    due = next_try(now, delivery.attempts)
                    outbox.later(delivery, due, error, refused=final)
        if error is None:
            _log.info(
                "delivered",
                destination=self._name,
                series_uid=delivery.series_uid,
                instances=delivery.total,
            )
        else:
            _log.warning("delivery not whole", destination=self._name, why=error)
        return error is None

    def _tell_end(
        self, outbox: Outbox, delivery: Delivery, now: datetime, error: str | None
    ) -> None:
        """Tell how a delivery ended: before the commit, so that no crash comes in between."""
        if self._audit.on:
            tell_end(self._audit, now, self._target.who, outbox.instances(delivery), error or "")

    def _is_over(self, delivery: Delivery, now: datetime, *, final: bool) -> bool:
        """Whether it was tried long enough."""
        if final and delivery.refusals + 1 >= self._patience.refused_attempts:
            return True
        tried = delivery.attempts >= _FEWEST_TRIES
        return tried and now - delivery.created_at >= self._patience.give_up


def _is_final(refused: Sequence[int]) -> bool:
    """Whether one of the answers is such that another try will hardly change it."""
    return any(status not in _OUT_OF_RESOURCES for status in refused)


def _sentence(name: str, bad: Sequence[int], away: Exception | None, doubted: int) -> str:
    parts = [
        f"{name} answered {count} instances with 0x{status:04X}{_WORDS.get(status, '')}"
        for status, count in sorted(Counter(bad).items())
    ]
    if away is not None:
        parts.append(str(away))
    if doubted:
        parts.append(f"{name} has {doubted} of them, but changed or doubts them; look there")
    return "; ".join(parts) or f"{name} did not answer for every instance"
