"""Beats: each process says every few seconds that it lives, and what it has counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dicom_node.db import ProcessRow
from dicom_node.db.upsert import insert_into
from dicom_node.lease import is_dead
from dicom_node.tally import Count

__all__ = ["Beat", "Kind", "Processes"]

_FORGOTTEN = timedelta(days=1)


class Kind(StrEnum):
    """What a process is for."""

    LISTENER = "listener"
    WORKER = "worker"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Beat:
    """One process: when it was seen last, and what it had counted, or measured, by then.

    Parameters
    ----------
    owner : str
        See :func:`dicom_node.lease.process_owner`.
    """

    owner: str
    kind: Kind
    started_at: datetime
    seen_at: datetime
    counts: tuple[Count, ...] = ()


class Processes:
    """The processes of a node. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def beat(self, beat: Beat) -> None:
        """Note that a process lives; forget those that were not seen for a day."""
        values = {
            "seen_at": beat.seen_at,
            "counts": [[one.name, dict(one.labels), one.value] for one in beat.counts],
        }
        insert = insert_into(self._session, ProcessRow).values(
            owner=beat.owner, kind=beat.kind, started_at=beat.started_at, **values
        )
        self._session.execute(insert.on_conflict_do_update(index_elements=["owner"], set_=values))
        old = ProcessRow.seen_at < beat.seen_at - _FORGOTTEN
        self._session.execute(delete(ProcessRow).where(old))

    def ended(self, owner: str) -> None:
        """Note that a process has ended as it should: nobody is to miss it."""
        self._session.execute(delete(ProcessRow).where(ProcessRow.owner == owner))

    def seen_since(self, moment: datetime) -> Sequence[Beat]:
        """Return the processes that were seen since, those of this host that are gone left out."""
        rows = self._session.scalars(
            select(ProcessRow).where(ProcessRow.seen_at >= moment).order_by(ProcessRow.owner)
        )
        return [_beat(row) for row in rows if not is_dead(row.owner)]


def _beat(row: ProcessRow) -> Beat:
    counts = tuple(Count(name, labels, value) for name, labels, value in row.counts)
    return Beat(row.owner, Kind(row.kind), row.started_at, row.seen_at, counts)
