"""The sub-operations of one retrieval, one after another, and what its caller hears meanwhile."""

from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol

from dicom_node import log
from dicom_node.archive.query import Selected
from dicom_node.association.retrieve.tally import Tally
from dicom_node.association.retrieve.told import Account
from dicom_node.association.retrieve.vetting import VettingRetriever
from dicom_node.association.serving import Exchange
from dicom_node.association.status import RetrieveStatus
from dicom_node.dimse import CannotSend
from dicom_node.errors import DatabaseAway
from dicom_node.values import Instance

__all__ = ["Delivery", "Sends"]

_log = log.get("association")
_BATCH = 100
_MOST_NAMED = 20
"""Failures of one retrieval that are logged one by one."""


class Sends(Protocol):
    """Something that sends instances to where they are wanted."""

    def send(self, instance: Instance) -> int:
        """Send one; return the status of its answer, or raise CannotSend."""


class Delivery:
    """Sends what was selected, and answers the request.

    Parameters
    ----------
    exchange : Exchange
        The request.
    retriever : VettingRetriever
        Says where instances lie, and which may not go.
    account : Account
        Who is sent to; told what became of each instance.
    total : int
        How many instances there are to be.
    pending_s : float
        How much time at least lies between two pending responses.
    now : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        exchange: Exchange,
        retriever: VettingRetriever,
        account: Account,
        total: int,
        pending_s: float,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._exchange = exchange
        self._retriever = retriever
        self._account = account
        self._receiver = account.receiver
        self._pending_s = pending_s
        self._now = now
        self._told_at = -pending_s
        self._reasons: Counter[str] = Counter()
        self._cancelled = False
        self.tally = Tally(total)

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller wants no more of it."""
        return self._cancelled

    def run(self, selected: Sequence[Selected], sends: Sends) -> None:
        """Send ``selected``, as far as the caller does not cancel.

        Where the database goes away, the rest counts as failed.

        Raises
        ------
        PeerAway
            When the receiver is gone: what was not sent is not counted yet.
        NotOurs, Broken
            When the caller is gone.
        """
        for start in range(0, len(selected), _BATCH):
            batch = selected[start : start + _BATCH]
            try:
                kept = self._retriever.instances([one.sop_instance_uid for one in batch])
                barred = self._retriever.barred(kept.values(), self._receiver)
            except DatabaseAway as exc:  # what was sent stays true, and so do the counts
                self.give_up(selected[start:], str(exc))
                return
            for one in batch:
                self._tell()
                if self._exchange.is_cancelled():
                    self._cancelled = True
                    return
                if why := barred.get(one.sop_instance_uid):
                    self._fail(one, why)
                else:
                    self._one(one, kept.get(one.sop_instance_uid), sends)

    def give_up(self, selected: Sequence[Selected], why: str) -> None:
        """Count ``selected`` as failed."""
        for one in selected:
            self._fail(one, why)

    def finish(self) -> None:
        """Send the final response."""
        tally = self.tally
        status = RetrieveStatus.CANCELLED if self._cancelled else tally.status
        names = tally.names()
        self._exchange.answer(status, names, tally.fields(is_last=not self._cancelled))
        note = _log.warning if tally.failed or tally.warning else _log.info
        note(
            "retrieved",
            peer=self._exchange.peer.name,
            receiver=self._receiver.name,
            status=hex(status),
            completed=tally.completed,
            warning=tally.warning,
            failed=len(tally.failed),
            remaining=tally.remaining,
            why=dict(self._reasons.most_common(5)),
        )

    def _tell(self) -> None:
        """Say how far it is, unless that was said a moment ago."""
        now = self._now()
        if now - self._told_at >= self._pending_s:
            self._told_at = now
            fields = self.tally.fields(is_last=False)
            self._exchange.answer(RetrieveStatus.PENDING, fields=fields)

    def _one(self, one: Selected, instance: Instance | None, sends: Sends) -> None:
        if instance is None:
            self._fail(one, "it is not here any more")
        else:
            try:
                status = sends.send(instance)
            except CannotSend as exc:
                self._fail(one, str(exc))
            except OSError as exc:
                self._fail(one, f"its file cannot be read: {exc.strerror or exc}")
            else:
                self.tally.answered(one.sop_instance_uid, status)
                why = f"it was answered 0x{status:04X}" if status else ""
                self._account.answered(one, status, why)
                if why:
                    self._note(one.sop_instance_uid, why)

    def _fail(self, one: Selected, why: str) -> None:
        self.tally.gave_up(one.sop_instance_uid)
        self._account.answered(one, None, why)
        self._note(one.sop_instance_uid, why)

    def _note(self, uid: str, why: str) -> None:
        self._reasons[why] += 1
        if self._reasons.total() <= _MOST_NAMED:
            receiver = self._receiver.name
            _log.warning("not retrieved", receiver=receiver, sop_instance_uid=uid, why=why)
