"""Series that are not to be used any more: each for one reason once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from dicom_node.db import (
    DeliveryItemRow,
    DeliveryRow,
    HeldRow,
    InstanceRow,
    RejectionRow,
    SeriesRow,
)
from dicom_node.db.upsert import insert_into
from dicom_node.values import Origin, Role

__all__ = ["Because", "Rejection", "Rejections"]


class Because(StrEnum):
    """Why a series is rejected."""

    SUPERSEDED = "superseded"
    RECALLED = "recalled"
    WITHDRAWN = "withdrawn"
    """A marked copy: what it was made for is decided, so nobody needs it any more."""
    REFUSED = "refused"
    """It waited for a person and was given up: who was given its files may send them back."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One series that is not to be used any more.

    Parameters
    ----------
    by : str
        The acquired series that takes its place, or the person who recalled its model.
    why : str
        In words; it is sent with the note.
    at : datetime
        UTC. It dates the note, so that a second run writes the same bytes.
    instances : tuple of (class, UID)
        Of the series; a class is empty where its objects were deleted here before.
    note_series_uid, note_uid : str or None
        The rejection note, once it is in the archive.
    told : bool
        Whether the note is queued for whoever may hold the series.
    error : str or None
        Why there is no note yet.
    """

    series_uid: str
    because: Because
    study_uid: str
    by: str
    why: str
    at: datetime
    instances: tuple[tuple[str, str], ...]
    note_series_uid: str | None = None
    note_uid: str | None = None
    told: bool = False
    error: str | None = None

    @property
    def text(self) -> str:
        """What people are told of it."""
        return f"{self.because} by {self.by}: {self.why}"


class Rejections:
    """Rejected series. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def made(self, study_uid: str) -> dict[str, str]:
        """Return the series of a study that were made here, with the label of each.

        Those too whose objects were deleted, or that are rejected; no notes.
        """
        delivered = select(DeliveryRow.series_uid).where(DeliveryRow.study_uid == study_uid)
        here = select(InstanceRow.series_uid).where(
            InstanceRow.study_uid == study_uid, InstanceRow.origin == Origin.MADE
        )
        rejected = select(RejectionRow.series_uid).where(RejectionRow.study_uid == study_uid)
        row = SeriesRow
        query = (
            select(row.uid, row.label)
            .where(
                row.study_uid == study_uid,
                row.label.is_not(None),
                or_(row.uid.in_(delivered), row.uid.in_(here), row.uid.in_(rejected)),
                row.uid.not_in(_notes(study_uid)),
            )
            .order_by(row.uid)
        )
        return {row[0]: str(row[1]) for row in self._session.execute(query)}

    def reject(
        self, place: tuple[str, str], because: Because, said: tuple[str, str], now: datetime
    ) -> bool:
        """Reject a series; return whether it was not yet, for this reason.

        After the caller's commit no sending of it begins (``Outbox.claim``), and one that is under
        way stops when its lease is renewed next (``Outbox.renew``).

        Parameters
        ----------
        place : (str, str)
            Study and series UID.
        said : (str, str)
            By whom or what, and why.
        """
        study_uid, series_uid = place
        instances = self._instances(series_uid)
        insert = (
            insert_into(self._session, RejectionRow)
            .values(
                series_uid=series_uid,
                because=because,
                study_uid=study_uid,
                by=said[0],
                why=said[1],
                rejected_at=now,
                instances=[list(pair) for pair in instances],
                due=now,
            )
            .on_conflict_do_nothing()
        )
        return self._session.scalar(insert.returning(RejectionRow.series_uid)) is not None

    def withdraw(self, job_ids: Sequence[int], said: tuple[str, str], now: datetime) -> int:
        """Reject the marked copies of what jobs made, for their results wait no more.

        Parameters
        ----------
        said : (str, str)
            By whom or what, and why.

        Returns
        -------
        int
            How many series.
        """
        row = HeldRow
        query = select(row.study_uid, row.series_uid).distinct()
        copies = query.where(row.job_id.in_(job_ids), row.role == Role.MARKED)
        places = sorted((study, series) for study, series in self._session.execute(copies))
        return sum(self.reject(place, Because.WITHDRAWN, said, now) for place in places)

    def give_up(
        self,
        job_ids: Sequence[int],
        said: tuple[str, str],
        now: datetime,
        because: Because = Because.REFUSED,
    ) -> None:
        """Reject what is held of jobs, before it is given up.

        What was never queued for anybody needs no note. Made again after retention had deleted it,
        it was: who may hold it is told. Who was given its files may have sent them on, and here:
        nobody is shown them. Made and held, or entered, anew it is not rejected any more: see
        :meth:`anew`.

        Parameters
        ----------
        said : (str, str)
            By whom or what, and why.
        """
        row = HeldRow
        query = select(row.study_uid, row.series_uid).distinct()
        held = query.where(row.job_id.in_(job_ids), row.role == Role.RESULT)
        places = sorted((study, series) for study, series in self._session.execute(held))
        for place in places:
            self.reject(place, because, said, now)
        refused = RejectionRow.because == Because.REFUSED, RejectionRow.ended_at.is_(None)
        mine = RejectionRow.series_uid.in_([series for _, series in places])
        went = select(DeliveryRow.id).where(DeliveryRow.series_uid == RejectionRow.series_uid)
        nobody = update(RejectionRow).where(mine, *refused, ~went.exists())
        self._session.execute(nobody.values(ended_at=now))

    def anew(self, series_uids: Sequence[str]) -> None:
        """Forget that series were given up: they were made again, and are decided about anew.

        What a note was made for stays rejected: who is told that cannot be told otherwise.
        """
        mine = RejectionRow.series_uid.in_(series_uids), RejectionRow.because == Because.REFUSED
        self._session.execute(delete(RejectionRow).where(*mine, RejectionRow.note_uid.is_(None)))

    def is_rejected(self, series_uids: Sequence[str]) -> bool:
        """Return whether one of these series is."""
        query = select(RejectionRow.series_uid).where(RejectionRow.series_uid.in_(series_uids))
        return self._session.scalar(query.limit(1)) is not None

    def due(self, now: datetime) -> list[Rejection]:
        """Return what is not told everywhere yet, the oldest first."""
        query = (
            select(RejectionRow)
            .where(RejectionRow.ended_at.is_(None), RejectionRow.due <= now)
            .order_by(RejectionRow.rejected_at, RejectionRow.series_uid)
        )
        return [_rejection(row) for row in self._session.scalars(query)]

    def of_studies(self, study_uids: Sequence[str]) -> list[Rejection]:
        """Return every rejection in these studies."""
        query = (
            select(RejectionRow)
            .where(RejectionRow.study_uid.in_(study_uids))
            .order_by(RejectionRow.rejected_at, RejectionRow.series_uid)
        )
        return [_rejection(row) for row in self._session.scalars(query)]

    def lock(self, one: Rejection) -> Rejection | None:
        """Return it as it stands now, for nobody else to change; None once it is ended."""
        row = self._session.scalars(
            select(RejectionRow).where(*_is(one), RejectionRow.ended_at.is_(None)).with_for_update()
        ).first()
        return None if row is None else _rejection(row)

    def noted(self, one: Rejection, series_uid: str, sop_instance_uid: str) -> None:
        """Keep that its note is in the archive."""
        self._set(one, {"note_series_uid": series_uid, "note_uid": sop_instance_uid, "error": None})

    def later(self, one: Rejection, due: datetime, error: str) -> None:
        """Keep why there is no note yet; it is tried again."""
        self._set(one, {"due": due, "error": error})

    def ended(self, one: Rejection, now: datetime) -> None:
        """Keep that everybody who may hold the series is told, or on the way to be."""
        self._set(one, {"ended_at": now, "error": None})

    def _set(self, one: Rejection, values: Mapping[str, Any]) -> None:
        self._session.execute(update(RejectionRow).where(*_is(one)).values(dict(values)))

    def _instances(self, series_uid: str) -> list[tuple[str, str]]:
        """Return class and UID of what was made, wherever that is known."""
        row = InstanceRow
        made = row.series_uid == series_uid, row.origin == Origin.MADE
        here = select(row.sop_class_uid, row.sop_instance_uid).where(*made)
        aside = select(HeldRow.sop_class_uid, HeldRow.sop_instance_uid).where(
            HeldRow.series_uid == series_uid
        )
        found = {row[1]: row[0] for row in self._session.execute(aside)}
        found |= {row[1]: row[0] for row in self._session.execute(here)}
        item = DeliveryItemRow
        sent = self._session.scalars(
            select(item.sop_instance_uid)
            .join(DeliveryRow, DeliveryRow.id == item.delivery_id)
            .where(DeliveryRow.series_uid == series_uid)
        )
        found = {**dict.fromkeys(sent, ""), **found}
        return [(of_class, uid) for uid, of_class in sorted(found.items())]


def _notes(study_uid: str) -> Any:
    return select(RejectionRow.note_series_uid).where(
        RejectionRow.study_uid == study_uid, RejectionRow.note_series_uid.is_not(None)
    )


def _is(one: Rejection) -> tuple[Any, ...]:
    return RejectionRow.series_uid == one.series_uid, RejectionRow.because == one.because


def _rejection(row: RejectionRow) -> Rejection:
    return Rejection(
        series_uid=row.series_uid,
        because=Because(row.because),
        study_uid=row.study_uid,
        by=row.by,
        why=row.why,
        at=row.rejected_at,
        instances=tuple((of_class, uid) for of_class, uid in row.instances),
        note_series_uid=row.note_series_uid,
        note_uid=row.note_uid,
        told=row.ended_at is not None,
        error=row.error,
    )
