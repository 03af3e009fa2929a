"""What the archive holds of each study, with all that forbids to delete it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from dicom_node.archive.upkeep.holding import Amount, Holding, Part
from dicom_node.db import (
    AssociationRow,
    ConflictRow,
    DeliveryRow,
    FetchRow,
    HeldRow,
    InstanceRow,
    JobRow,
    QuestionRow,
    RejectionRow,
    SendingRow,
    StudyRow,
)
from dicom_node.values import DeliveryState, JobState, Origin, StudyState

__all__ = ["Holdings"]


_PAGE = 200
_UNDER_WAY = ("wanted", "fetching")
"""Of a fetch; what ended is waited for no more."""


class Holdings:
    """Studies of which there are objects here. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def size(self) -> int:
        """Return the bytes of all objects."""
        query = select(func.coalesce(func.sum(StudyRow.stored_bytes), 0))
        return int(self._session.scalar(query.where(StudyRow.erased_at.is_(None))) or 0)

    def page(
        self, after: tuple[datetime, str] | None = None, before: datetime | None = None
    ) -> list[Holding]:
        """Return some studies, the oldest first.

        Parameters
        ----------
        after : (datetime, str) or None
            ``since`` and UID of the last study of the page before.
        before : datetime or None
            Only studies whose last new instance came before.
        """
        query = select(StudyRow).where(StudyRow.erased_at.is_(None))
        if after is not None:
            at, uid = after
            later = and_(StudyRow.last_at == at, StudyRow.uid > uid)
            query = query.where(or_(StudyRow.last_at > at, later))
        if before is not None:
            query = query.where(StudyRow.last_at < before)
        rows = self._session.scalars(query.order_by(StudyRow.last_at, StudyRow.uid).limit(_PAGE))
        return self._holdings(rows.all())

    def all(self) -> Iterator[Holding]:
        """Yield every study, the oldest first."""
        page = self.page()
        while page:
            yield from page
            page = self.page((page[-1].since, page[-1].uid))

    def lock(self, study_uid: str) -> Holding | None:
        """Return a study that nobody else changes until the end of the transaction.

        None where it is gone, or somebody has one of its jobs, deliveries or instances in hand:
        nobody is waited for but who changes the study itself, so there is no waiting crosswise.
        """
        row = self._session.scalars(
            select(StudyRow)
            .where(StudyRow.uid == study_uid, StudyRow.erased_at.is_(None))
            .with_for_update()
        ).one_or_none()
        if row is None or not all(self._locked(study_uid)):
            return None
        return self._holdings([row])[0]

    def _locked(self, study_uid: str) -> Iterator[bool]:
        keys = (JobRow.id, DeliveryRow.id, InstanceRow.sop_instance_uid)
        for key in keys:
            query = select(key).where(key.parent.class_.study_uid == study_uid)
            free = self._session.scalars(query.with_for_update(skip_locked=True)).all()
            yield len(free) == len(self._session.scalars(query).all())

    def _holdings(self, rows: Sequence[StudyRow]) -> list[Holding]:
        uids = [row.uid for row in rows]
        parts, senders = self._parts(uids), self._senders(uids)
        jobs = self._by_study(uids, select(JobRow.study_uid, JobRow.state))
        sent, untold = self._by_study(uids, _deliveries()), self._by_study(uids, _untold())
        awaited = self._awaited(uids)
        return [
            Holding(
                uid=row.uid,
                state=StudyState(row.state),
                since=row.last_at,
                last_at=max([row.last_at, *(at for _, at in senders[row.uid])]),
                peers=tuple(sorted({peer for peer, _ in senders[row.uid]})),
                jobs=tuple(JobState(state) for (state,) in jobs[row.uid]),
                deliveries=tuple(
                    (name, DeliveryState(state))
                    for name, state in (*sent[row.uid], *untold[row.uid])
                ),
                awaited=tuple(sorted(awaited[row.uid])),
                parts=parts[row.uid],
            )
            for row in rows
        ]

    def _by_study(self, uids: Sequence[str], query: Any) -> dict[str, list[Any]]:
        """Return rows by study; the first column of ``query`` is its UID."""
        found: dict[str, list[Any]] = defaultdict(list)
        column = query.selected_columns[0]
        for uid, *rest in self._session.execute(query.where(column.in_(uids)).distinct()):
            found[uid].append(tuple(rest))
        return found

    def _senders(self, uids: Sequence[str]) -> dict[str, list[Any]]:
        query = select(SendingRow.study_uid, AssociationRow.peer, SendingRow.last_at)
        return self._by_study(
            uids, query.join(AssociationRow, AssociationRow.id == SendingRow.association_id)
        )

    def _awaited(self, uids: Sequence[str]) -> dict[str, list[Any]]:
        """Return who was asked and has not answered, and who is to send."""
        question = select(QuestionRow.study_uid, QuestionRow.peer, QuestionRow.until)
        found = self._by_study(uids, question.where(QuestionRow.answered_at.is_(None)))
        fetch = select(FetchRow.study_uid, FetchRow.peer, FetchRow.until)
        fetch = fetch.where(FetchRow.state.in_(_UNDER_WAY))
        for uid, more in self._by_study(uids, fetch).items():
            found[uid] += more
        return found

    def _parts(self, uids: Sequence[str]) -> dict[str, dict[Part, Amount]]:
        by_us = InstanceRow.origin == Origin.MADE
        found: dict[str, dict[Part, Amount]] = defaultdict(dict)
        query = select(
            InstanceRow.study_uid,
            by_us,
            func.count(),
            func.sum(InstanceRow.size),
            func.max(InstanceRow.received_at),
            func.count(InstanceRow.promised_at),
        )
        query = query.where(InstanceRow.study_uid.in_(uids)).group_by(InstanceRow.study_uid, by_us)
        for uid, is_made, count, size, latest, promised in self._session.execute(query):
            amount = Amount(count, int(size), latest, promised)
            found[uid][Part.MADE if is_made else Part.RECEIVED] = amount
        apart = select(ConflictRow.study_uid, func.count(), func.max(ConflictRow.received_at))
        apart = apart.where(ConflictRow.study_uid.in_(uids)).group_by(ConflictRow.study_uid)
        for uid, count, latest in self._session.execute(apart):
            came = found[uid].get(Part.RECEIVED, Amount())
            at = max(latest, came.latest_at) if came.latest_at else latest
            more = came.instances + count
            found[uid][Part.RECEIVED] = replace(came, instances=more, latest_at=at)
        aside = select(HeldRow.study_uid, func.count(), func.max(HeldRow.made_at))
        aside = aside.where(HeldRow.study_uid.in_(uids)).group_by(HeldRow.study_uid)
        for uid, count, latest in self._session.execute(aside):
            made = found[uid].get(Part.MADE, Amount())
            at = max(latest, made.latest_at) if made.latest_at else latest
            more = made.instances + count
            found[uid][Part.MADE] = replace(made, instances=more, latest_at=at)
        return found


def _deliveries() -> Select[Any]:
    """Return destination and state of what was made and is to be there.

    Of a rejected series no delivery matters, and nobody vouches for a note: sent, it has arrived.
    """
    row, note = DeliveryRow, RejectionRow.note_series_uid
    noted = select(note).where(note.is_not(None))
    arrived = and_(row.series_uid.in_(noted), row.state == DeliveryState.SENT)
    state = case((arrived, DeliveryState.RECEIPTED.value), else_=row.state)
    rejected = select(RejectionRow.series_uid)
    query = select(row.study_uid, row.destination, state)
    return query.where(row.series_uid.not_in(rejected))


def _untold() -> Select[str, str, str]:
    """Return rejections that are not told everywhere, as deliveries: their notes are to leave."""
    row, waits = RejectionRow, literal(DeliveryState.WAITING.value)
    return select(row.study_uid, literal(_NOTED), waits).where(row.ended_at.is_(None))


_NOTED = "those who are to get a rejection note"
