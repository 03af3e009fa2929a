"""Where each study stands, what its series are, and the files of each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, true, update
from sqlalchemy.orm import Session

from dicom_node.db import (
    AssociationRow,
    ConflictRow,
    DecisionRow,
    DeletionRow,
    DeliveryRow,
    InstanceRow,
    JobRow,
    SendingRow,
    SeriesRow,
    StudyRow,
    instance_of,
    makers_of,
    series_of_jobs,
)
from dicom_node.db.upsert import insert_into
from dicom_node.values import Instance, Origin, StudyState

__all__ = ["SeriesFacts", "Studies", "Waiting"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A study in reception, with the evidence that there is.

    Parameters
    ----------
    last_at : datetime
        When its last new instance came, or when this node started if that was later.
    sending_at : datetime or None
        When an association that is still open last sent to it.
    interrupted : bool
        Whether the last association to end was cut off.
    peers : tuple of str
        Who sent to it.
    series : mapping
        Series UID to number of instances.
    asked_at, expected : see :meth:`Studies.note_answer`
    """

    uid: str
    revision: int
    last_at: datetime
    sending_at: datetime | None
    interrupted: bool
    peers: tuple[str, ...]
    series: Mapping[str, int]
    asked_at: datetime | None
    asked_revision: int
    expected: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """What was understood of one series."""

    series_uid: str
    modality: str | None
    description: str | None
    label: str
    synthetic: bool
    verdict: str
    reasons: tuple[Mapping[str, str], ...]
    tasks: Mapping[str, Any]


class _Sender(NamedTuple):
    """An association that has sent to a study."""

    peer: str
    closed_at: datetime | None
    last_at: datetime


def _waiting(row: StudyRow, senders: Sequence[_Sender], series: Mapping[str, int]) -> Waiting:
    still = [sender.last_at for sender in senders if sender.closed_at is None]
    return Waiting(
        uid=row.uid,
        revision=row.revision,
        last_at=row.last_at,
        sending_at=max(still, default=None),
        interrupted=row.interrupted,
        peers=tuple(sorted({sender.peer for sender in senders})),
        series=dict(series),
        asked_at=row.asked_at,
        asked_revision=row.asked_revision,
        expected=dict(row.expected) if row.expected is not None else None,
    )


def _due(until: datetime | None, peers: Sequence[str]) -> ColumnElement[bool]:
    if until is None:
        return true()
    quiet = StudyRow.last_at <= until
    if not peers:  # by index alone: thousands in reception cost a tick nothing
        return quiet
    sent = (
        select(SendingRow.study_uid)
        .join(AssociationRow, AssociationRow.id == SendingRow.association_id)
        .where(SendingRow.study_uid == StudyRow.uid, AssociationRow.peer.in_(peers))
    )
    return or_(quiet, sent.exists())


class Studies:
    """Studies and their series. Uses the caller's session; never commits it."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder

    def receiving(self, until: datetime | None = None, peers: Sequence[str] = ()) -> list[Waiting]:
        """Return the studies in reception, the one that waits longest first.

        Three queries, however many there are: it is asked at every tick.

        Parameters
        ----------
        until : datetime or None
            Only those whose last new instance came by then; None: all.
        peers : sequence of str
            Those that one of these sent to, too.
        """
        is_receiving = and_(StudyRow.state == StudyState.RECEIVING, _due(until, peers))
        rows = self._session.scalars(
            select(StudyRow).where(is_receiving).order_by(StudyRow.last_at)
        ).all()
        senders: dict[str, list[_Sender]] = defaultdict(list)
        for uid, peer, closed_at, last_at in self._session.execute(
            select(
                SendingRow.study_uid,
                AssociationRow.peer,
                AssociationRow.closed_at,
                SendingRow.last_at,
            )
            .join(AssociationRow, AssociationRow.id == SendingRow.association_id)
            .join(StudyRow, StudyRow.uid == SendingRow.study_uid)
            .where(is_receiving)
        ):
            senders[uid].append(_Sender(peer, closed_at, last_at))
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for uid, series_uid, count in self._session.execute(
            select(InstanceRow.study_uid, InstanceRow.series_uid, func.count())
            .join(StudyRow, StudyRow.uid == InstanceRow.study_uid)
            .where(is_receiving, InstanceRow.origin != Origin.MADE)
            .group_by(InstanceRow.study_uid, InstanceRow.series_uid)
        ):
            counts[uid][series_uid] = count
        return [_waiting(row, senders[row.uid], counts[row.uid]) for row in rows]

    def note_answer(
        self, study_uid: str, revision: int, now: datetime, expected: Mapping[str, int] | None
    ) -> None:
        """Keep what the sender has: instances by series UID; None where it gave no answer."""
        pairs = None if expected is None else sorted(expected.items())
        self._session.execute(
            update(StudyRow)
            .where(StudyRow.uid == study_uid)
            .values(asked_at=now, asked_revision=revision, expected=pairs)
        )

    def complete(self, study_uid: str, revision: int, evidence: str) -> bool:
        """Mark a study complete unless more came since ``revision``; return whether it is."""
        result = self._session.execute(
            update(StudyRow)
            .where(
                StudyRow.uid == study_uid,
                StudyRow.revision == revision,
                StudyRow.state == StudyState.RECEIVING,
            )
            .values(state=StudyState.COMPLETE, evidence=evidence, plan_at=None)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def to_plan(self, now: datetime) -> list[tuple[str, int]]:
        """Return complete studies with their revision, the oldest first; not what is put off."""
        due = or_(StudyRow.plan_at.is_(None), StudyRow.plan_at <= now)
        rows = self._session.execute(
            select(StudyRow.uid, StudyRow.revision)
            .where(StudyRow.state == StudyState.COMPLETE, due)
            .order_by(StudyRow.last_at)
        )
        return [(uid, revision) for uid, revision in rows]

    def put_off(self, study_uid: str, until: datetime) -> None:
        """Plan a study when its peers have answered, or ``until`` is over."""
        self._session.execute(
            update(StudyRow)
            .where(StudyRow.uid == study_uid, StudyRow.state == StudyState.COMPLETE)
            .values(plan_at=until)
        )

    def routed(self, study_uid: str, revision: int) -> bool:
        """Mark a study planned unless an instance came since ``revision``; return whether it is."""
        result = self._session.execute(
            update(StudyRow)
            .where(
                StudyRow.uid == study_uid,
                StudyRow.revision == revision,
                StudyRow.state == StudyState.COMPLETE,
            )
            .values(state=StudyState.ROUTED)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def state(self, study_uid: str) -> tuple[StudyState, int] | None:
        """Return where a study stands, and its revision; None where it was never seen."""
        row = self._session.get(StudyRow, study_uid)
        return None if row is None else (StudyState(row.state), row.revision)

    def requested(self, study_uid: str, revision: int) -> bool:
        """Take a study for a request, unless an instance came since ``revision``.

        A plan that is being made at this moment has not seen the request: it is made again.
        """
        result = self._session.execute(
            update(StudyRow)
            .where(
                StudyRow.uid == study_uid,
                StudyRow.revision == revision,
                StudyRow.state != StudyState.RECEIVING,
            )
            .values(revision=StudyRow.revision + 1)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def dated(self, first: date, last: date) -> list[str]:
        """Return the studies that are here and were made in these days, or on a day unknown."""
        day = StudyRow.study_date
        within = day.between(f"{first:%Y%m%d}", f"{last:%Y%m%d}")
        query = select(StudyRow.uid).where(or_(within, day.is_(None), day == ""))
        here = query.where(StudyRow.erased_at.is_(None), StudyRow.state != StudyState.RECEIVING)
        return list(self._session.scalars(here.order_by(StudyRow.uid)))

    def files(self, study_uid: str) -> dict[str, list[Instance]]:
        """Return the received instances of each series of a study, by UID."""
        rows = self._session.scalars(
            select(InstanceRow)
            .where(InstanceRow.study_uid == study_uid, InstanceRow.origin != Origin.MADE)
            .order_by(InstanceRow.sop_instance_uid)
        )
        found: dict[str, list[Instance]] = {}
        for row in rows:
            found.setdefault(row.series_uid, []).append(instance_of(row, self._folder))
        return found

    def made(self, study_uid: str) -> list[str]:
        """Return the UIDs of the series of a study that were made here, deleted ones too.

        And all that its jobs may have made: what was held and given up may be sent back, too. A
        PACS that splits or merges studies sends it back in another.
        """
        query = select(InstanceRow.series_uid).where(
            InstanceRow.study_uid == study_uid, InstanceRow.origin == Origin.MADE
        )
        done = series_of_jobs(self._session, study_uid)
        left = select(DeliveryRow.series_uid).where(DeliveryRow.study_uid == study_uid)
        came = select(InstanceRow.series_uid).where(
            InstanceRow.study_uid == study_uid, InstanceRow.origin != Origin.MADE
        )
        places = {(study_uid, uid) for uid in self._session.scalars(came.distinct())}
        back = {uid for _, uid in makers_of(self._session, places)}
        return sorted({*self._session.scalars(query), *done, *self._session.scalars(left), *back})

    def weigh(self, study_uid: str, size: int) -> None:
        """Add the size of what was made to what a study holds here.

        In a transaction of its own: who holds a job and waits for its study would wait crosswise
        with who plans that study.
        """
        self._session.execute(
            update(StudyRow)
            .where(StudyRow.uid == study_uid)
            .values(stored_bytes=StudyRow.stored_bytes + size)
        )

    def hold(self, study_uid: str) -> None:
        """Let nobody else change a study until the end of the transaction.

        Rows that only name it may be written meanwhile (PostgreSQL's FOR NO KEY UPDATE): a worker
        that ends a job holds that job, and names the study in the series that it enters. Who holds
        the study goes on to the job, and each would wait for the other.
        """
        mine = select(StudyRow.uid).where(StudyRow.uid == study_uid)
        self._session.execute(mine.with_for_update(key_share=True))

    def was_deleted(self, study_uid: str) -> bool:
        """Return whether objects of a study were ever deleted."""
        query = select(DeletionRow.id).where(DeletionRow.study_uid == study_uid).limit(1)
        return self._session.scalar(query) is not None

    def news(self, study_uid: str) -> set[str]:
        """Return the series of which something came since the study was planned last."""
        planned = select(func.max(DecisionRow.decided_at)).where(DecisionRow.study_uid == study_uid)
        queued = select(func.max(JobRow.created_at)).where(JobRow.study_uid == study_uid)
        times = [self._session.scalar(planned), self._session.scalar(queued)]
        since = max((one for one in times if one is not None), default=None)
        found: set[str] = set()
        for row in (InstanceRow, ConflictRow):
            query = select(row.series_uid).where(row.study_uid == study_uid)
            if row is InstanceRow:
                query = query.where(InstanceRow.origin != Origin.MADE)
            if since is not None:
                query = query.where(row.received_at > since)
            found.update(self._session.scalars(query.distinct()))
        return found

    def instances(self, uids: Sequence[str]) -> list[Instance]:
        """Return the instances with these UIDs, in UID order; the absent are left out."""
        rows = self._session.scalars(
            select(InstanceRow)
            .where(InstanceRow.sop_instance_uid.in_(uids))
            .order_by(InstanceRow.sop_instance_uid)
        )
        return [instance_of(row, self._folder) for row in rows]

    def conflicts(self, study_uid: str) -> dict[str, int]:
        """Return how many instances of each series came again with other content."""
        found = self._session.execute(
            select(ConflictRow.series_uid, func.count())
            .where(ConflictRow.study_uid == study_uid)
            .group_by(ConflictRow.series_uid)
        )
        return {row[0]: row[1] for row in found}

    def add_apart(self, study_uid: str, fact: SeriesFacts) -> None:
        """Keep that there is a series whose objects nobody is shown, and what is known of it."""
        values = {"study_uid": study_uid, "uid": fact.series_uid, "synthetic": fact.synthetic}
        insert = insert_into(self._session, SeriesRow).values(values)
        self._session.execute(insert.on_conflict_do_nothing())
        self.note_series(study_uid, [fact])

    def note_series(self, study_uid: str, facts: Sequence[SeriesFacts]) -> None:
        """Keep what was understood of each series."""
        for fact in facts:
            self._session.execute(
                update(SeriesRow)
                .where(SeriesRow.study_uid == study_uid, SeriesRow.uid == fact.series_uid)
                .values(
                    modality=fact.modality,
                    description=fact.description,
                    label=fact.label,
                    synthetic=fact.synthetic,
                    verdict=fact.verdict,
                    reasons=[dict(reason) for reason in fact.reasons],
                    tasks=dict(fact.tasks),
                )
            )

    def note_decision(self, study_uid: str, rule: str, unmet: Sequence[str], now: datetime) -> None:
        """Keep why a rule fired (nothing unmet) or did not."""
        values = {"fired": not unmet, "unmet": list(unmet), "decided_at": now}
        insert = insert_into(self._session, DecisionRow).values(
            study_uid=study_uid, rule=rule, **values
        )
        self._session.execute(
            insert.on_conflict_do_update(index_elements=["study_uid", "rule"], set_=values)
        )
