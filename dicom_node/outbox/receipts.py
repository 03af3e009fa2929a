"""Receipts: what of a delivery its destination vouches for, instance by instance."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.orm import Session

from dicom_node.backoff import next_try
from dicom_node.commitment import Failure, Report, Taken, failure_in_words
from dicom_node.db import CommitmentRow, DeliveryItemRow, DeliveryRow
from dicom_node.outbox.source import files_of
from dicom_node.outbox.withdraw import is_note, is_rejected
from dicom_node.values import DeliveryState, Instance

__all__ = ["UNTOLD", "CommitmentState", "Receipts", "Unvouched"]

UNTOLD = 0xFFFF
"""As a failure: a count was short, and did not say of what."""
_AT_ONCE, _NAMED = 500, 3
_GONE = "some of its instances are not in the archive here any more: nothing to compare with"


class CommitmentState(StrEnum):
    """Where a request of ours stands that a destination commit itself."""

    ASKED = "asked"
    ANSWERED = "answered"
    ACTED = "acted on"
    """Something was sent again since: what its report fails counts no more."""
    VOID = "void"
    """Its report, should it come, says nothing any more."""


@dataclass(frozen=True, slots=True)
class Unvouched:
    """A delivery that was sent, and what of it its destination has not vouched for.

    Parameters
    ----------
    asks : int
        How often it was asked since it was sent.
    resends : int
        How often something of it was sent again.
    """

    id: int
    destination: str
    study_uid: str
    series_uid: str
    instances: tuple[Instance, ...]
    total: int
    asks: int
    resends: int


class Receipts:
    """What destinations vouch for. Uses the caller's session; never commits it.

    Parameters
    ----------
    session : Session
    folder : Path
        The archive's.
    resends : int
        So often what a destination does not have is sent again; then the delivery has failed.
    """

    def __init__(self, session: Session, folder: Path, resends: int) -> None:
        self._session = session
        self._folder = folder
        self._resends = resends

    def due(self, destination: str, now: datetime) -> Unvouched | None:
        """Return the sent delivery that is longest due to be asked for; None where none is."""
        row = self._session.scalars(
            select(DeliveryRow)
            .where(
                DeliveryRow.destination == destination,
                DeliveryRow.ask_due <= now,
                DeliveryRow.state == DeliveryState.SENT,
                _is_wanted(),
            )
            .order_by(DeliveryRow.ask_due, DeliveryRow.id)
            .limit(1)
        ).first()
        return None if row is None else self._unvouched(row)

    def begin(self, sent: Unvouched, transaction_uid: str, now: datetime, again: datetime) -> None:
        """Keep that a transaction is about to be asked for; ``again`` unless it is accepted."""
        self._session.add(
            CommitmentRow(
                transaction_uid=transaction_uid,
                delivery_id=sent.id,
                state=CommitmentState.ASKED,
                asked_at=now,
            )
        )
        self._put_off(sent, {"ask_due": again})

    def accepted(self, sent: Unvouched, again: datetime, why: str | None = None) -> None:
        """Note that the destination took the request; without a report it is asked ``again``."""
        told = {} if why is None else {"receipt": why}
        self._put_off(sent, {"asks": DeliveryRow.asks + 1, "ask_due": again, **told})

    def refused(self, sent: Unvouched, again: datetime, why: str) -> None:
        """Note that the destination did not take the request."""
        self._put_off(sent, {"asks": DeliveryRow.asks + 1, "ask_due": again, "receipt": why})

    def later(self, sent: Unvouched, due: datetime, why: str) -> None:
        """Ask another time; this was no asking."""
        self._put_off(sent, {"ask_due": due, "receipt": why})

    def nobody(self, destination: str, why: str) -> int:
        """Note that nobody vouches for what was sent to ``destination``; return of how many."""
        result = self._session.execute(
            update(DeliveryRow)
            .where(
                DeliveryRow.destination == destination,
                DeliveryRow.ask_due.is_not(None),
                DeliveryRow.state == DeliveryState.SENT,
            )
            .values(ask_due=None, receipt=why)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]

    def give_up(self, sent: Unvouched, why: str) -> None:
        """Ask no more; a report that comes late still counts."""
        self._put_off(sent, {"ask_due": None, "receipt": why})

    def ask_anew(self, destinations: Collection[str], now: datetime) -> int:
        """Ask once more for what was given up, or could not be asked for; return how many."""
        result = self._session.execute(
            update(DeliveryRow)
            .where(
                DeliveryRow.destination.in_(destinations),
                DeliveryRow.ask_due.is_(None),
                DeliveryRow.state == DeliveryState.SENT,
                _is_wanted(),
            )
            .values(ask_due=now, asks=0)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]

    def is_open(self, transaction_uid: str) -> bool:
        """Whether a transaction still waits for its report."""
        row = self._session.get(CommitmentRow, transaction_uid)
        return row is not None and row.state == CommitmentState.ASKED

    def reported(self, report: Report, destinations: Collection[str], now: datetime) -> Taken:
        """Take a report of one of ``destinations``.

        What it vouches for counts, however late. What it fails counts only as the answer to the
        last request, and only as long as nothing was sent again: a report that comes twice, or
        after a count, tells of before that.
        """
        asked = self._session.get(CommitmentRow, report.transaction_uid)
        row = None if asked is None else self._locked(asked.delivery_id)
        if asked is None or row is None or row.destination not in destinations:
            return Taken.NOT_OURS
        self._session.refresh(asked)  # whoever held the lock may have voided it
        if asked.state == CommitmentState.VOID:
            return Taken.KNOWN
        classes = self._classes(row.id)
        held = {one.sop_instance_uid for one in report.held
                if classes.get(one.sop_instance_uid) == one.sop_class_uid}  # fmt: skip
        wrong = {one.sop_instance_uid: int(Failure.CLASS_CONFLICT) for one in report.held
                 if one.sop_instance_uid not in held}  # fmt: skip
        counts = asked.state != CommitmentState.ACTED and self._is_last(asked)
        news = self._mark(row, held, {**wrong, **report.failed} if counts else {}, now)
        if asked.state == CommitmentState.ASKED:
            asked.state = CommitmentState.ANSWERED
        self._settle(row, "by storage commitment", now)
        return Taken.NEWS if news else Taken.KNOWN

    def counted(
        self,
        sent: Unvouched,
        held: Collection[str] | None,
        how: str,
        now: datetime,
        again: datetime,
    ) -> None:
        """Take a count: what is there is vouched for; what is not, twice in a row, is sent again.

        Parameters
        ----------
        held : collection of str or None
            SOP Instance UIDs; None where fewer are there, and the destination does not say which.
        how : str
            How it was counted.
        again : datetime
            When it is counted once more, where something was not there: an archive may take its
            time to list what it has.
        """
        row = self._locked(sent.id)
        if row is None or row.state != DeliveryState.SENT:
            return
        wanted = {one.sop_instance_uid for one in sent.instances}
        reason = int(UNTOLD if held is None else Failure.NO_SUCH_INSTANCE)
        absent = dict.fromkeys(wanted - set(held or ()), reason)
        before = self._failed(row.id)
        twice = all(uid in before for uid in absent)
        self._mark(row, set(held or ()), absent, now)
        if absent and not twice:
            row.ask_due, row.receipt = again, f"{row.destination} {how}; {_lacking(absent, sent)}"
        else:
            self._settle(row, how, now)
            if row.state == DeliveryState.SENT:
                row.ask_due, row.receipt = None, _GONE

    def forget(self, before: datetime) -> None:
        """Delete requests of long ago: no report comes any more."""
        self._session.execute(delete(CommitmentRow).where(CommitmentRow.asked_at < before))

    def _put_off(self, sent: Unvouched, values: Mapping[str, Any]) -> None:
        self._session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.id == sent.id, DeliveryRow.state == DeliveryState.SENT)
            .values(dict(values))
        )

    def _unvouched(self, row: DeliveryRow) -> Unvouched:
        item = DeliveryItemRow
        total = select(func.count()).where(item.delivery_id == row.id)
        return Unvouched(
            id=row.id,
            destination=row.destination,
            study_uid=row.study_uid,
            series_uid=row.series_uid,
            instances=tuple(files_of(self._session, self._folder, self._open(row.id))),
            total=int(self._session.scalar(total) or 0),
            asks=row.asks,
            resends=row.resends,
        )

    def _locked(self, delivery_id: int) -> DeliveryRow | None:
        return self._session.get(DeliveryRow, delivery_id, with_for_update=True)

    def _classes(self, delivery_id: int) -> dict[str, str]:
        item = DeliveryItemRow.sop_instance_uid
        query = select(item).where(DeliveryItemRow.delivery_id == delivery_id)
        uids = set(self._session.scalars(query))
        files = files_of(self._session, self._folder, uids)
        return {one.sop_instance_uid: one.sop_class_uid for one in files}

    def _is_last(self, asked: CommitmentRow) -> bool:
        """Whether nothing was asked of its delivery since."""
        query = (
            select(CommitmentRow.transaction_uid)
            .where(CommitmentRow.delivery_id == asked.delivery_id)
            .order_by(CommitmentRow.asked_at.desc(), CommitmentRow.transaction_uid)
        )
        return self._session.scalar(query.limit(1)) == asked.transaction_uid

    def _failed(self, delivery_id: int) -> dict[str, int]:
        """Return what is not vouched for, with the reason that was given."""
        item = DeliveryItemRow
        query = select(item.sop_instance_uid, item.failure).where(
            item.delivery_id == delivery_id,
            item.failure.is_not(None),
            item.receipted_at.is_(None),
        )
        return {row[0]: int(row[1] or 0) for row in self._session.execute(query)}

    def _mark(
        self, row: DeliveryRow, held: Collection[str], failed: Mapping[str, int], now: datetime
    ) -> bool:
        """Note what is vouched for and what is not; return whether anything changed."""
        open_items = self._open(row.id)
        if row.state == DeliveryState.SENT:
            for reason in set(failed.values()):
                uids = [uid for uid, why in failed.items() if why == reason and uid in open_items]
                self._set(row.id, uids, {"failure": reason})
        vouched = sorted(open_items & set(held))
        self._set(row.id, vouched, {"receipted_at": now, "failure": None})
        return bool(vouched or open_items & set(failed))

    def _set(self, delivery_id: int, uids: Sequence[str], values: Mapping[str, Any]) -> None:
        for start in range(0, len(uids), _AT_ONCE):
            self._session.execute(
                update(DeliveryItemRow)
                .where(
                    DeliveryItemRow.delivery_id == delivery_id,
                    DeliveryItemRow.sop_instance_uid.in_(uids[start : start + _AT_ONCE]),
                )
                .values(dict(values))
            )

    def _is_wanted(self, row: DeliveryRow) -> bool:
        query = select(DeliveryRow.id).where(DeliveryRow.id == row.id, _is_wanted())
        return self._session.scalar(query) is not None

    def _open(self, delivery_id: int) -> set[str]:
        item = DeliveryItemRow
        query = select(item.sop_instance_uid).where(
            item.delivery_id == delivery_id, item.receipted_at.is_(None)
        )
        return set(self._session.scalars(query))

    def _settle(self, row: DeliveryRow, how: str, now: datetime) -> None:
        """End a delivery that is vouched for, or send again what is not there."""
        if row.state != DeliveryState.SENT:
            return
        if not self._open(row.id):
            row.state, row.error = DeliveryState.RECEIPTED, None
            row.receipt, row.receipted_at = f"{row.destination} vouches for all of it, {how}", now
            row.ask_due = None
            return
        failed = self._failed(row.id)
        if not failed or not self._is_wanted(row):
            return
        text = f"{row.destination} did not have {_names(failed)}"
        row.ask_due, row.receipt = None, f"{text}; sent again"  # it says so until it is receipted
        if row.resends >= self._resends:
            row.state = DeliveryState.FAILED
            row.error = f"{text}; sent again {row.resends} times in vain; look there"
            row.receipt = None
            return
        row.state, row.error = DeliveryState.WAITING, row.receipt
        row.resends, row.created_at = row.resends + 1, now
        row.due = next_try(now, row.resends)
        row.attempts = row.refusals = row.asks = 0
        self._set(row.id, sorted(failed), {"sent_at": None, "status": None})
        made = CommitmentRow.delivery_id == row.id, CommitmentRow.state != CommitmentState.VOID
        self._session.execute(
            update(CommitmentRow).where(*made).values(state=CommitmentState.ACTED)
        )


def _is_wanted() -> ColumnElement[bool]:
    """Whether a destination is to have a series: else it may well have it no more."""
    return and_(~is_rejected(), ~is_note())


def _lacking(absent: Mapping[str, int], sent: Unvouched) -> str:
    if UNTOLD in absent.values():
        return f"fewer than {sent.total} are there, and it does not say which"
    return f"it does not list {_names(absent)}"


def _names(failed: Mapping[str, int]) -> str:
    """Name what failed, the first few of it."""
    told = [f"{uid} ({failure_in_words(why)})" for uid, why in sorted(failed.items())
            if why != UNTOLD]  # fmt: skip
    count = f"{len(failed)} instances" if len(failed) > 1 else "1 instance"
    if not told:
        return f"all of up to {count}"
    more = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return f"{count}: {', '.join(told[:_NAMED])}{more}"
