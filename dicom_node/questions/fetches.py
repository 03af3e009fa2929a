"""Fetches: series that a rule needs, that only a peer has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dicom_node.db import FetchRow, StudyRow
from dicom_node.db.upsert import insert_into

__all__ = ["Fetch", "FetchState", "Fetches"]


class FetchState(StrEnum):
    """Where a fetch stands."""

    WANTED = "wanted"
    FETCHING = "fetching"
    FETCHED = "fetched"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Fetch:
    """A series on its way from a peer to us."""

    study_uid: str
    peer: str
    series_uid: str
    label: str
    state: FetchState
    until: datetime
    error: str | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether there is something to wait for."""
        return self.state in (FetchState.WANTED, FetchState.FETCHING) and now < self.until


class Fetches:
    """Series that are fetched. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_study(self, study_uid: str) -> list[Fetch]:
        """Return what was fetched of a study, or is to be; locked until the caller is done.

        What ends meanwhile wakes the study after the caller has put it off.
        """
        rows = self._session.scalars(
            select(FetchRow)
            .where(FetchRow.study_uid == study_uid)
            .order_by(FetchRow.asked_at, FetchRow.series_uid)
            .with_for_update()
        )
        return [_fetch(row) for row in rows]

    def want(self, fetches: Sequence[Fetch], now: datetime) -> None:
        """Have series fetched; one that was tried long ago is tried again."""
        key = ["study_uid", "peer", "series_uid"]
        for one in fetches:
            values = {
                "label": one.label, "state": FetchState.WANTED, "asked_at": now,
                "until": one.until, "error": None,
            }  # fmt: skip
            insert = insert_into(self._session, FetchRow).values(
                study_uid=one.study_uid, peer=one.peer, series_uid=one.series_uid, **values
            )
            self._session.execute(insert.on_conflict_do_update(index_elements=key, set_=values))

    def next(self, peer: str) -> Fetch | None:
        """Return what is to be fetched from a peer next; None where there is nothing."""
        row = self._session.scalars(
            select(FetchRow)
            .where(FetchRow.peer == peer, FetchRow.state == FetchState.WANTED)
            .order_by(FetchRow.asked_at, FetchRow.series_uid)
            .limit(1)
        ).first()
        return None if row is None else _fetch(row)

    def set(self, fetch: Fetch, state: FetchState, error: str | None = None) -> None:
        """Note where a fetch stands; one that ended has its study planned."""
        self._session.execute(
            update(FetchRow)
            .where(
                FetchRow.study_uid == fetch.study_uid,
                FetchRow.peer == fetch.peer,
                FetchRow.series_uid == fetch.series_uid,
            )
            .values(state=state, error=error)
        )
        if state in (FetchState.FETCHED, FetchState.FAILED):
            self._session.execute(
                update(StudyRow).where(StudyRow.uid == fetch.study_uid).values(plan_at=None)
            )

    def restart(self) -> int:
        """Fetch again what an earlier process was fetching; return how many."""
        result = self._session.execute(
            update(FetchRow)
            .where(FetchRow.state == FetchState.FETCHING)
            .values(state=FetchState.WANTED)
        )
        return int(result.rowcount)  # type: ignore[attr-defined]


def _fetch(row: FetchRow) -> Fetch:
    return Fetch(
        study_uid=row.study_uid,
        peer=row.peer,
        series_uid=row.series_uid,
        label=row.label,
        state=FetchState(row.state),
        until=row.until,
        error=row.error,
    )
