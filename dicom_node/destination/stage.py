"""The stage: deliveries of one destination sent, or tried again later."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Protocol

from dicom_node import log
from dicom_node.backoff import next_try
from dicom_node.db import Database
from dicom_node.errors import LeaseLost, PeerAway
from dicom_node.lease import Lease
from dicom_node.outbox import Outbox
from dicom_node.values import Delivery, Instance

__all__ = ["DestinationStage", "Patience", "Sender"]

_log = log.get("destination")
_SUCCESS = 0x0000
_OUT_OF_RESOURCES = range(0xA700, 0xA800)
_WARNINGS = (0xB000, 0xB006, 0xB007)
_COMMIT_EVERY = 16


class Sender(Protocol):
    """Something that takes instances to a destination."""

    def send(self, instances: Sequence[Instance]) -> Iterator[tuple[str, int]]:
        """Yield SOP Instance UID and DIMSE status of each as it is answered."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a delivery is tried.

    Parameters
    ----------
    give_up : timedelta
        After which a peer that is away, or out of resources, is given up.
    refused_attempts : int
        After how many tries an answer that is neither success nor "out of resources" is final.
    """

    give_up: timedelta
    refused_attempts: int


class DestinationStage:
    """Send what is due to one destination.

    Parameters
    ----------
    name : str
        The destination's, as rules name it.
    sender : Sender
    store : (Database, Path)
        The database, and the archive's folder.
    lease : Lease
    patience : Patience
    now : callable
        The clock, UTC: sending takes time.
    """

    def __init__(
        self,
        name: str,
        sender: Sender,
        store: tuple[Database, Path],
        lease: Lease,
        patience: Patience,
        now: Callable[[], datetime],
    ) -> None:
        self._name = name
        self._sender = sender
        self._database, self._folder = store
        self._lease = lease
        self._patience = patience
        self._now = now
        self._stopping = Event()

    def stop(self) -> None:
        """Ask for an end: what is being sent stops after the instance that is under way."""
        self._stopping.set()

    def tick(self, now: datetime) -> int:
        """Send every delivery that is due; return how many ended as sent."""
        sent = 0
        while not self._stopping.is_set() and (delivery := self._claim(now)) is not None:
            try:
                sent += self._send(delivery)
            except LeaseLost as exc:
                _log.warning("delivery lost", delivery=delivery.id, why=str(exc))
        return sent

    def _claim(self, now: datetime) -> Delivery | None:
        with self._database.reading() as session:
            if not Outbox(session, self._folder).anything(self._name, now):
                return None
        with self._database.transaction() as session:
            return Outbox(session, self._folder).claim(self._name, now, self._lease)

    def _send(self, delivery: Delivery) -> bool:
        away: PeerAway | None = None
        statuses: dict[str, int] = {}
        try:
            for uid, status in self._sender.send(delivery.unsent):
                statuses[uid] = status
                if len(statuses) % _COMMIT_EVERY == 0:
                    self._keep(delivery, dict(list(statuses.items())[-_COMMIT_EVERY:]))
                if self._stopping.is_set():
                    break
        except PeerAway as exc:
            away = exc
        self._keep(delivery, statuses)
        return self._settle(delivery, statuses, away)

    def _keep(self, delivery: Delivery, statuses: dict[str, int]) -> None:
        now = self._now()
        with self._database.transaction() as session:
            outbox = Outbox(session, self._folder)
            outbox.renew(delivery, now, self._lease)
            outbox.answered(delivery, statuses, now)

    def _settle(self, delivery: Delivery, statuses: dict[str, int], away: PeerAway | None) -> bool:
        refused = {uid: status for uid, status in statuses.items() if status != _SUCCESS}
        lacking = len(delivery.unsent) - len(statuses)
        now = self._now()
        with self._database.transaction() as session:
            outbox = Outbox(session, self._folder)
            if not refused and not lacking:
                outbox.sent(delivery)
                error = None
            else:
                error = _sentence(self._name, refused, away)
                if self._stopping.is_set():
                    outbox.later(delivery, now, "the node was stopped; the rest follows")
                elif self._is_over(delivery, refused, now):
                    outbox.failed(delivery, error)
                else:
                    outbox.later(delivery, next_try(now, delivery.attempts), error)
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

    def _is_over(self, delivery: Delivery, refused: dict[str, int], now: datetime) -> bool:
        """Whether trying again is of no use, or was tried long enough."""
        if any(status in _WARNINGS for status in refused.values()):
            return True  # it is there, but not as it was sent: another try changes nothing
        final = [s for s in refused.values() if s not in _OUT_OF_RESOURCES]
        if final and delivery.attempts >= self._patience.refused_attempts:
            return True
        return now - delivery.created_at >= self._patience.give_up


def _sentence(name: str, refused: dict[str, int], away: PeerAway | None) -> str:
    parts = []
    if refused:
        codes = ", ".join(f"0x{status:04X}" for status in sorted(set(refused.values())))
        parts.append(f"{name} answered {len(refused)} instances with {codes}")
        if any(status in _WARNINGS for status in refused.values()):
            parts.append("they are stored, but changed or doubted; look at them there")
    if away is not None:
        parts.append(str(away))
    return "; ".join(parts) or f"{name} did not answer for every instance"
