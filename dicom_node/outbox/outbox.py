"""Deliveries: one series to one destination, instance by instance."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from dicom_node.db import (
    CommitmentRow,
    DeliveryItemRow,
    DeliveryRow,
    RejectionRow,
)
from dicom_node.db.upsert import insert_into
from dicom_node.dicom import STORED, STORED_WITH_WARNING
from dicom_node.errors import LeaseLost, NotPossible
from dicom_node.lease import Lease, is_lost
from dicom_node.outbox.receipts import CommitmentState
from dicom_node.outbox.source import files_of, is_marked, uids_of
from dicom_node.outbox.withdraw import is_note, is_rejected
from dicom_node.values import Delivery, DeliveryState, Instance, Role

__all__ = ["Outbox"]


class Outbox:
    """Series on their way to destinations. Uses the caller's session; never commits it."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder

    def add(
        self,
        study_uid: str,
        series_uid: str,
        destinations: Sequence[str],
        now: datetime,
        role: Role = Role.RESULT,
    ) -> int:
        """Queue a series for each destination that does not have it queued; return how many.

        None where nothing of it is here any more: no delivery is of nothing. A marked copy is
        found only by who says that this is what it queues.
        """
        uids = uids_of(self._session, study_uid, series_uid, role)
        if not uids:
            return 0
        added = 0
        for destination in destinations:
            delivery_id = self._session.scalar(
                insert_into(self._session, DeliveryRow)
                .values(
                    study_uid=study_uid,
                    series_uid=series_uid,
                    destination=destination,
                    state=DeliveryState.WAITING,
                    attempts=0,
                    refusals=0,
                    token=0,
                    due=now,
                    created_at=now,
                )
                .on_conflict_do_nothing(index_elements=["destination", "series_uid"])
                .returning(DeliveryRow.id)
            )
            if delivery_id is not None:
                added += 1
                rows = [{"delivery_id": delivery_id, "sop_instance_uid": uid} for uid in uids]
                self._session.execute(insert_into(self._session, DeliveryItemRow), rows)
        return added

    def anything(self, destination: str, now: datetime, owner: str = "") -> bool:
        """Return whether something is due for ``destination``, or was lost; takes no lock.

        Parameters
        ----------
        owner : str
            Who asks, and sends nothing there at this moment: what is being sent in its name was
            cut off by an error.
        """
        here = DeliveryRow.destination == destination
        sending = select(DeliveryRow).where(here, DeliveryRow.state == DeliveryState.SENDING)
        if any(
            _is_lost(row, now) or row.lease_owner == owner for row in self._session.scalars(sending)
        ):
            return True
        query = select(DeliveryRow.id).where(here, *_due(now))
        return self._session.scalar(query.limit(1)) is not None

    def claim(self, destination: str, now: datetime, lease: Lease) -> Delivery | None:
        """Mark the delivery to ``destination`` that is longest due as sending.

        None of a series that is rejected: nothing of it leaves any more.
        """
        due = (
            select(DeliveryRow.id)
            .where(DeliveryRow.destination == destination, *_due(now))
            .order_by(DeliveryRow.due, DeliveryRow.id)
            .limit(1)
        )
        row = self._session.scalars(
            update(DeliveryRow)
            .where(
                DeliveryRow.id == due.scalar_subquery(),
                DeliveryRow.state == DeliveryState.WAITING,
            )
            .values(
                state=DeliveryState.SENDING,
                attempts=DeliveryRow.attempts + 1,
                token=DeliveryRow.token + 1,
                lease_owner=lease.owner,
                lease_until=lease.until(now),
            )
            .returning(DeliveryRow)
        ).first()
        return None if row is None else self._delivery(row)

    def answered(self, delivery: Delivery, statuses: Mapping[str, int], now: datetime) -> None:
        """Keep how the destination answered each instance: 0000 is sent, all else is not.

        Raises
        ------
        LeaseLost
            When the delivery is no longer held with this token.
        """
        self._settle(delivery, {"lease_owner": DeliveryRow.lease_owner})
        for uid, status in statuses.items():
            self._session.execute(
                update(DeliveryItemRow)
                .where(
                    DeliveryItemRow.delivery_id == delivery.id,
                    DeliveryItemRow.sop_instance_uid == uid,
                )
                .values(_answer(status, now))
            )

    def renew(self, delivery: Delivery, now: datetime, lease: Lease) -> bool:
        """Extend the lease of a delivery that is being sent; return whether the rest is to go.

        Raises
        ------
        LeaseLost
            When the delivery is no longer held with this token.
        """
        self._settle(delivery, {"lease_until": lease.until(now)})
        return not self._is_rejected(delivery.series_uid)

    def sent(self, delivery: Delivery) -> None:
        """Mark a delivery as sent: every instance was answered 0000. Who has it is asked next.

        Raises
        ------
        LeaseLost
            When an instance was not, or the delivery is no longer held with this token.
        """
        if self._unsent(delivery.id):
            raise LeaseLost(f"delivery {delivery.id} has instances that were not answered 0000")
        asked = {"ask_due": DeliveryRow.due, "asks": 0}
        self._settle(delivery, {"state": DeliveryState.SENT, "error": None, **asked, **_FREE})

    def later(
        self, delivery: Delivery, due: datetime, error: str, *, refused: bool = False
    ) -> None:
        """Put a delivery back; only what was not answered 0000 is sent then.

        Parameters
        ----------
        refused : bool
            Whether the destination answered, and would not take it.

        Raises
        ------
        LeaseLost
            When the delivery is no longer held with this token.
        """
        refusals = DeliveryRow.refusals + int(refused)
        values = {"state": DeliveryState.WAITING, "due": due, "error": error, "refusals": refusals}
        self._settle(delivery, {**values, **_FREE})

    def failed(self, delivery: Delivery, error: str) -> None:
        """Give a delivery up.

        Raises
        ------
        LeaseLost
            When the delivery is no longer held with this token.
        """
        self._settle(delivery, {"state": DeliveryState.FAILED, "error": error, **_FREE})

    def reclaim(
        self, now: datetime, *, all_of_them: bool = False, mine: tuple[str, str] | None = None
    ) -> int:
        """Return deliveries of dead processes to the queue; return how many.

        Parameters
        ----------
        all_of_them : bool
            Whoever holds them: when a node starts, no other that sends is there.
        mine : (destination, owner) or None
            Those there in this name too: see :meth:`anything`.
        """
        sending = self._session.scalars(
            select(DeliveryRow)
            .where(DeliveryRow.state == DeliveryState.SENDING)
            .order_by(DeliveryRow.id)
            .with_for_update()  # one that ends at this moment is not put back
        ).all()
        lost = [
            row
            for row in sending
            if all_of_them or _is_lost(row, now) or (row.destination, row.lease_owner) == mine
        ]
        for row in lost:
            row.state, row.due = DeliveryState.WAITING, now
            row.lease_owner = row.lease_until = None
        return len(lost)

    def stray(self, known: Collection[str]) -> Mapping[str, int]:
        """Return how many deliveries wait for each destination that nobody knows any more.

        Each says so from now on.
        """
        rows = self._session.scalars(
            select(DeliveryRow).where(
                DeliveryRow.state == DeliveryState.WAITING, DeliveryRow.destination.not_in(known)
            )
        ).all()
        for row in rows:
            row.error = f"{row.destination} is not in peers.toml any more"
        return Counter(row.destination for row in rows)

    def resend(self, study_uid: str, destination: str, now: datetime) -> int:
        """Queue again, whole, every series of a study that went to ``destination``.

        None that is rejected, but the notes that say so.

        Returns
        -------
        int
            How many series; what is being sent at this moment is left alone.

        Raises
        ------
        NotPossible
            When what was made is not here any more.
        """
        rows = self._session.scalars(
            select(DeliveryRow)
            .where(
                DeliveryRow.study_uid == study_uid,
                DeliveryRow.destination == destination,
                DeliveryRow.state != DeliveryState.SENDING,
                ~is_rejected(),
            )
            .with_for_update()
        ).all()
        series = {*self.series_made(study_uid), *(row.series_uid for row in rows)}
        if any(not self._is_here(study_uid, series_uid) for series_uid in series):
            raise NotPossible(
                f"what was made of study {study_uid} was deleted here, as 'dicom-node why' says; "
                "'dicom-node jobs retry' makes it again under the same UIDs, then resend"
            )
        for row in rows:
            row.state, row.due, row.error = DeliveryState.WAITING, now, None
            row.attempts = row.refusals = row.asks = row.resends = 0
            row.created_at, row.ask_due = now, None
            row.receipt = row.receipted_at = None
            self._session.execute(
                update(DeliveryItemRow)
                .where(DeliveryItemRow.delivery_id == row.id)
                .values(sent_at=None, status=None, receipted_at=None, failure=None)
            )
            self._session.execute(  # a report of before says nothing of what is sent now
                update(CommitmentRow)
                .where(CommitmentRow.delivery_id == row.id)
                .values(state=CommitmentState.VOID)
            )
        return len(rows)

    def is_marked(self, delivery: Delivery) -> bool:
        """Return whether a delivery is of a marked copy: not everybody may have one."""
        query = select(DeliveryRow.id).where(DeliveryRow.id == delivery.id, is_marked())
        return self._session.scalar(query) is not None

    def with_ids(self, ids: Collection[int]) -> list[Delivery]:
        """Return these deliveries, the oldest first."""
        query = select(DeliveryRow).where(DeliveryRow.id.in_(ids)).order_by(DeliveryRow.id)
        return [self._delivery(row) for row in self._session.scalars(query)] if ids else []

    def instances(self, delivery: Delivery) -> list[tuple[Instance, int | None]]:
        """Return every instance of a delivery, with its last answer; None: it had none."""
        query = select(DeliveryItemRow.sop_instance_uid, DeliveryItemRow.status)
        rows = self._session.execute(query.where(DeliveryItemRow.delivery_id == delivery.id))
        statuses: dict[str, int | None] = {row[0]: row[1] for row in rows}
        files = files_of(self._session, self._folder, statuses)
        return [(file, statuses[file.sop_instance_uid]) for file in files]

    def series_made(self, study_uid: str) -> list[str]:
        """Return the series of a study that were queued for anyone and may be used by anyone."""
        query = select(DeliveryRow.series_uid).where(
            DeliveryRow.study_uid == study_uid,
            ~is_rejected(),
            ~is_note(),
            ~is_marked(),
        )
        return sorted(set(self._session.scalars(query)))

    def lacking(self, series_uid: str, destinations: Sequence[str]) -> list[str]:
        """Return those of ``destinations`` for which a series was never queued.

        Of one that is rejected none: it is not to be made again for them.
        """
        if self._is_rejected(series_uid):
            return []
        query = select(DeliveryRow.destination).where(DeliveryRow.series_uid == series_uid)
        queued = set(self._session.scalars(query))
        return [name for name in destinations if name not in queued]

    def _settle(self, delivery: Delivery, values: Mapping[str, object]) -> None:
        result = self._session.execute(update(DeliveryRow).where(*_held(delivery)).values(**values))
        if not result.rowcount:  # type: ignore[attr-defined]
            raise LeaseLost(f"delivery {delivery.id} was taken by another process meanwhile")

    def _is_rejected(self, series_uid: str) -> bool:
        column = RejectionRow.series_uid
        query = select(column).where(column == series_uid).limit(1)
        return self._session.scalar(query) is not None

    def _is_here(self, study_uid: str, series_uid: str) -> bool:
        return any(uids_of(self._session, study_uid, series_uid, role) for role in Role)

    def _unsent(self, delivery_id: int) -> dict[str, int | None]:
        """Return what was not answered 0000, with its last answer."""
        query = select(DeliveryItemRow.sop_instance_uid, DeliveryItemRow.status).where(
            DeliveryItemRow.delivery_id == delivery_id, DeliveryItemRow.sent_at.is_(None)
        )
        return {row[0]: row[1] for row in self._session.execute(query)}

    def _delivery(self, row: DeliveryRow) -> Delivery:
        unsent = self._unsent(row.id)
        doubted = {uid for uid, status in unsent.items() if status in STORED_WITH_WARNING}
        files = files_of(self._session, self._folder, set(unsent) - doubted)
        total = select(func.count()).where(DeliveryItemRow.delivery_id == row.id)
        return Delivery(
            id=row.id,
            destination=row.destination,
            study_uid=row.study_uid,
            series_uid=row.series_uid,
            state=DeliveryState(row.state),
            attempts=row.attempts,
            refusals=row.refusals,
            token=row.token,
            created_at=row.created_at,
            unsent=tuple(files),
            doubted=len(doubted),
            total=int(self._session.scalar(total) or 0),
            error=row.error,
        )


_FREE: Mapping[str, object] = {"lease_owner": None, "lease_until": None}


def _answer(status: int, now: datetime) -> dict[str, object]:
    """Return what an answer changes; what is sent anew may be there this time."""
    kept = {"sent_at": now, "failure": None} if status == STORED else {"sent_at": None}
    return {"status": status, **kept}


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return what is to be sent now."""
    return (
        DeliveryRow.state == DeliveryState.WAITING,
        DeliveryRow.due <= now,
        ~is_rejected(),
    )


def _is_lost(row: DeliveryRow, now: datetime) -> bool:
    return is_lost(row.lease_owner, row.lease_until, now)


def _held(delivery: Delivery) -> tuple[ColumnElement[bool], ...]:
    """Return the fence: still being sent, and still with the token that was handed out."""
    return (
        DeliveryRow.id == delivery.id,
        DeliveryRow.token == delivery.token,
        DeliveryRow.state == DeliveryState.SENDING,
    )
