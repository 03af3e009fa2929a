"""The clock was set back: what waits for a time waits no longer for it.

Whatever is due has a time in its row. A clock that was ahead has written times that lie ahead;
where it is set right, all that waits would wait as long as it was wrong. So these times go back
with it. What dates objects, and what people did, stays as it was written.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dicom_node.db.beside import DoomedRow, ProcessRow, RejectionRow
from dicom_node.db.tables import (
    DeliveryRow,
    FetchRow,
    JobRow,
    PromiseRow,
    QuestionRow,
    SendingRow,
    StudyRow,
)

__all__ = ["WAITED_FOR", "bring_back", "latest"]

WAITED_FOR: tuple[InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None], ...] = (
    StudyRow.last_at,
    StudyRow.asked_at,
    StudyRow.plan_at,
    SendingRow.last_at,
    JobRow.due,
    JobRow.lease_until,
    DeliveryRow.due,
    DeliveryRow.lease_until,
    DeliveryRow.ask_due,
    QuestionRow.due,
    QuestionRow.until,
    FetchRow.until,
    PromiseRow.due,
    DoomedRow.due,
    RejectionRow.due,
)


def latest(session: Session) -> datetime | None:
    """Return the latest time at which anything is known to have happened here."""
    seen = session.scalar(select(func.max(ProcessRow.seen_at)))
    came = session.scalar(select(func.max(StudyRow.last_at)))
    return max((one for one in (seen, came) if one is not None), default=None)


def bring_back(session: Session, now: datetime, by: timedelta) -> int:
    """Bring every time that lies ahead of ``now`` back; return how many.

    Parameters
    ----------
    session : Session
        The caller's; it is not committed.
    by : timedelta
        How far the clock was set back.
    """
    count = 0
    for column in WAITED_FOR:
        for row in session.scalars(select(column.class_).where(column > now)):
            setattr(row, column.key, getattr(row, column.key) - by)
            count += 1
    session.flush()
    return count
