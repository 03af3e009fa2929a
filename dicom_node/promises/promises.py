"""Requests of peers that we commit ourselves to instances, until each is reported on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from dicom_node.commitment import Reference, Request
from dicom_node.db import PromiseRow
from dicom_node.db.upsert import insert_into

__all__ = ["MOST_OPEN", "Added", "Promise", "PromiseState", "Promises"]

MOST_OPEN = 10_000
"""Requests of one peer that wait for it to take their report; more are refused."""


class PromiseState(StrEnum):
    """Where a request of a peer stands."""

    WAITING = "waiting"
    REPORTED = "reported"
    GIVEN_UP = "given up"


class Added(Enum):
    """What became of a request."""

    NEW = "new"
    AGAIN = "again"
    IN_USE = "in use"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Promise:
    """A request of a peer that has not been reported on."""

    id: int
    peer: str
    request: Request
    asked_at: datetime
    attempts: int
    refusals: int


class Promises:
    """Requests by peer. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, peer: str, request: Request, now: datetime, due: datetime) -> Added:
        """Keep a request, to be reported on when it is ``due``.

        The same request again is reported on again: its report may have been lost. Its transaction
        UID with other instances is refused as long as the first is not reported on.
        """
        instances = [[one.sop_class_uid, one.sop_instance_uid] for one in request.instances]
        row = self._session.scalars(
            select(PromiseRow)
            .where(PromiseRow.peer == peer, PromiseRow.transaction_uid == request.transaction_uid)
            .with_for_update()
        ).first()
        if row is None and self._open(peer) >= MOST_OPEN:
            return Added.FULL
        if row is None:
            insert = insert_into(self._session, PromiseRow).values(
                peer=peer, transaction_uid=request.transaction_uid, instances=instances,
                state=PromiseState.WAITING, asked_at=now, due=due, attempts=0, refusals=0,
            )  # fmt: skip
            new = insert.on_conflict_do_nothing().returning(PromiseRow.id)  # or sent twice at once
            return Added.AGAIN if self._session.scalar(new) is None else Added.NEW
        same = row.instances == instances
        if not same and row.state == PromiseState.WAITING:
            return Added.IN_USE
        row.instances, row.state, row.asked_at, row.due = instances, PromiseState.WAITING, now, due
        row.attempts, row.refusals, row.error = 0, 0, None
        return Added.AGAIN if same else Added.NEW

    def due(self, peer: str, now: datetime, most: int) -> list[Promise]:
        """Return requests of ``peer`` that are due, the longest due first."""
        rows = self._session.scalars(
            select(PromiseRow)
            .where(
                PromiseRow.peer == peer,
                PromiseRow.state == PromiseState.WAITING,
                PromiseRow.due <= now,
            )
            .order_by(PromiseRow.due, PromiseRow.id)
            .limit(most)
        )
        return [_promise(row) for row in rows]

    def reported(self, promise: Promise) -> None:
        """Note that the peer took the report."""
        self._set(promise, {"state": PromiseState.REPORTED, "error": None})

    def later(self, promise: Promise, due: datetime, error: str, *, refused: bool) -> None:
        """Try again when it is ``due``."""
        tried = {"attempts": promise.attempts + 1, "refusals": promise.refusals + int(refused)}
        self._set(promise, {"due": due, "error": error, **tried})

    def put_off(self, peer: str, until: datetime) -> None:
        """Leave all requests of a peer that is away alone until then."""
        self._session.execute(
            update(PromiseRow)
            .where(
                PromiseRow.peer == peer,
                PromiseRow.state == PromiseState.WAITING,
                PromiseRow.due < until,
            )
            .values(due=until)
        )

    def give_up(self, promise: Promise, error: str) -> None:
        """Report no more."""
        self._set(promise, {"state": PromiseState.GIVEN_UP, "error": error})

    def forget(self, peer: str, before: datetime) -> None:
        """Delete what was settled long ago."""
        self._session.execute(
            delete(PromiseRow).where(
                PromiseRow.peer == peer,
                PromiseRow.state != PromiseState.WAITING,
                PromiseRow.asked_at < before,
            )
        )

    def _open(self, peer: str) -> int:
        query = select(func.count()).where(
            PromiseRow.peer == peer, PromiseRow.state == PromiseState.WAITING
        )
        return int(self._session.scalar(query) or 0)

    def _set(self, promise: Promise, values: Mapping[str, object]) -> None:
        """Change a request, unless it was asked again meanwhile."""
        self._session.execute(
            update(PromiseRow)
            .where(PromiseRow.id == promise.id, PromiseRow.asked_at == promise.asked_at)
            .values(dict(values))
        )


def _promise(row: PromiseRow) -> Promise:
    pairs: Sequence[Sequence[str]] = row.instances
    instances = tuple(Reference(sop_class, uid) for sop_class, uid in pairs)
    return Promise(
        id=row.id,
        peer=row.peer,
        request=Request(row.transaction_uid, instances),
        asked_at=row.asked_at,
        attempts=row.attempts,
        refusals=row.refusals,
    )
