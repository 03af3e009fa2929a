"""Series that are not to leave any more: what of them is on its way, and who may hold them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from dicom_node.db import DeliveryItemRow, DeliveryRow, RejectionRow
from dicom_node.values import DeliveryState

__all__ = ["Withdrawals", "Withdrawn", "is_note", "is_rejected"]


def is_rejected() -> ColumnElement[bool]:
    """Return whether a delivery is of a series that is rejected: nothing of it is sent."""
    return exists().where(RejectionRow.series_uid == DeliveryRow.series_uid)


def is_note() -> ColumnElement[bool]:
    """Return whether a delivery is of a rejection note.

    Who has one is asked by nobody: an archive that applies notes may list them no more than what
    they reject.
    """
    return exists().where(RejectionRow.note_series_uid == DeliveryRow.series_uid)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Where a rejected series stands.

    Parameters
    ----------
    places : tuple of str
        Destinations that may hold some of it, and to which nothing of it is under way.
    busy : bool
        Whether it is being sent somewhere at this moment.
    stopped : tuple of int
        Deliveries that were ended by this, and had begun.
    """

    places: tuple[str, ...]
    busy: bool
    stopped: tuple[int, ...]


class Withdrawals:
    """Deliveries that end unsent. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def withdraw(self, series_uid: str, why: str) -> Withdrawn:
        """End what waits of a series, and ask nobody for it any more.

        What was once claimed may be there, whatever was answered: an answer may have been lost.
        What is being sent stops when its lease is renewed next, within 16 instances, and is ended
        the next time.
        """
        rows = self._session.scalars(
            select(DeliveryRow)
            .where(DeliveryRow.series_uid == series_uid)
            .order_by(DeliveryRow.id)
            .with_for_update()
        ).all()
        stopped = [row.id for row in rows if _stop(row, why) and self._has_begun(row.id)]
        still = {row.destination for row in rows if row.state == DeliveryState.SENDING}
        tried = {row.destination for row in rows if row.token > 0}
        return Withdrawn(tuple(sorted(tried - still)), bool(still), tuple(stopped))

    def _has_begun(self, delivery_id: int) -> bool:
        query = select(DeliveryItemRow.status).where(
            DeliveryItemRow.delivery_id == delivery_id, DeliveryItemRow.status.is_not(None)
        )
        return self._session.scalar(query.limit(1)) is not None


def _stop(row: DeliveryRow, why: str) -> bool:
    """End one delivery that waits; return whether it did."""
    row.ask_due = None
    if row.state != DeliveryState.WAITING:
        return False
    row.state, row.error, row.receipt = DeliveryState.FAILED, f"not sent any more: {why}", None
    return True
