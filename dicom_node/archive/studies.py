"""Where each study stands, what its series are, and the files of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from dicom_node.db import (
    AssociationRow,
    ConflictRow,
    DecisionRow,
    InstanceRow,
    SendingRow,
    SeriesRow,
    StudyRow,
    instance_of,
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


class Studies:
    """Studies and their series. Uses the caller's session; never commits it."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder

    def receiving(self) -> list[Waiting]:
        """Return every study in reception, the one that waits longest first."""
        rows = self._session.scalars(
            select(StudyRow)
            .where(StudyRow.state == StudyState.RECEIVING)
            .order_by(StudyRow.last_at)
        )
        return [self._waiting(row) for row in rows]

    def _waiting(self, row: StudyRow) -> Waiting:
        senders = self._session.execute(
            select(AssociationRow.peer, AssociationRow.closed_at, SendingRow.last_at)
            .join(AssociationRow, AssociationRow.id == SendingRow.association_id)
            .where(SendingRow.study_uid == row.uid)
        ).all()
        return Waiting(
            uid=row.uid,
            revision=row.revision,
            last_at=row.last_at,
            sending_at=max((last for _, closed, last in senders if closed is None), default=None),
            interrupted=row.interrupted,
            peers=tuple(sorted({peer for peer, _, _ in senders})),
            series=self.counts(row.uid),
            asked_at=row.asked_at,
            asked_revision=row.asked_revision,
            expected=dict(row.expected) if row.expected is not None else None,
        )

    def counts(self, study_uid: str) -> dict[str, int]:
        """Return how many received instances each series has; what was made here is left out."""
        found = self._session.execute(
            select(InstanceRow.series_uid, func.count())
            .where(InstanceRow.study_uid == study_uid, InstanceRow.origin != Origin.MADE)
            .group_by(InstanceRow.series_uid)
        )
        return {row[0]: row[1] for row in found}

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
            .values(state=StudyState.COMPLETE, evidence=evidence)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def to_plan(self) -> list[tuple[str, int]]:
        """Return complete studies with their revision, the oldest first."""
        rows = self._session.execute(
            select(StudyRow.uid, StudyRow.revision)
            .where(StudyRow.state == StudyState.COMPLETE)
            .order_by(StudyRow.last_at)
        )
        return [(uid, revision) for uid, revision in rows]

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

    def reopen(self, study_uid: str) -> bool:
        """Let a study that was planned be planned again; return whether there is such a study."""
        result = self._session.execute(
            update(StudyRow)
            .where(StudyRow.uid == study_uid, StudyRow.state == StudyState.ROUTED)
            .values(state=StudyState.COMPLETE)
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

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
        """Return the UIDs of the series of a study that were made here."""
        query = select(InstanceRow.series_uid).where(
            InstanceRow.study_uid == study_uid, InstanceRow.origin == Origin.MADE
        )
        return sorted(set(self._session.scalars(query)))

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
