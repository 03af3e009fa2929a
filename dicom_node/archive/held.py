"""Results that wait for a person: files in their places, rows where nobody is served from.

Queries, retrievals, deliveries, rules and retention read instances. What is held is none until a
named person releases it, so there is no way for it to leave that would have to be closed. What was
rejected later is put aside in the same place, for good.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from dicom_node.archive.identity import Identity
from dicom_node.archive.index import Entry
from dicom_node.db import DoomedRow, HeldRow, InstanceRow, MadePixelsRow
from dicom_node.db.upsert import insert_into
from dicom_node.values import Companion, Origin, Role

__all__ = ["Held", "MadePixels", "MadeSeries", "content_of", "content_of_objects"]


@dataclass(frozen=True, slots=True)
class MadeSeries:
    """A series that a job made, as it is entered into the archive, or held.

    Parameters
    ----------
    label : str
        What it shows; of a companion, which one it is.
    entries : tuple of Entry
        At least one, in the order of their numbers.
    beside : tuple of MadeSeries
        Its companions: they are entered, held, released and given up with it.
    """

    study_uid: str
    series_uid: str
    label: str
    entries: tuple[Entry, ...]
    beside: tuple["MadeSeries", ...] = ()

    @property
    def content(self) -> str:
        """SHA-256 over the objects, those of its companions too, hex: see :func:`content_of`."""
        return content_of(self.everything)

    @property
    def pixels(self) -> tuple[str, ...]:
        """What its slices show, where that is known; see :class:`MadePixels`."""
        return tuple(entry.pixels for entry in self.entries if entry.pixels is not None)

    @property
    def all_series(self) -> tuple["MadeSeries", ...]:
        """The series, and those of its companions."""
        return (self, *self.beside)

    @property
    def everything(self) -> tuple[Entry, ...]:
        """The objects of all its series."""
        return tuple(entry for one in self.all_series for entry in one.entries)


class Held:
    """Held series. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, job_id: int, made: MadeSeries, role: Role = Role.RESULT) -> None:
        """Hold what a job made; its files are in their places and synced."""
        rows = [
            {
                "sop_instance_uid": entry.identity.sop_instance_uid,
                "job_id": job_id,
                "sop_class_uid": entry.identity.sop_class_uid,
                "study_uid": entry.identity.study_uid,
                "series_uid": entry.identity.series_uid,
                "transfer_syntax_uid": entry.transfer_syntax_uid,
                "sha256": entry.sha256,
                "size": entry.size,
                "path": entry.place,
                "sender": entry.sender,
                "made_at": entry.received_at,
                "number": entry.identity.number,
                "label": one.label,
                "role": role,
            }
            for one in made.all_series
            for entry in one.entries
        ]
        self._session.execute(insert_into(self._session, HeldRow), rows)

    def of_job(self, job_id: int) -> MadeSeries | None:
        """Return what is held of a job; None where nothing is."""
        rows = self._session.scalars(
            select(HeldRow)
            .where(HeldRow.job_id == job_id, HeldRow.role == Role.RESULT)
            .order_by(HeldRow.number, HeldRow.sop_instance_uid)
        ).all()
        if not rows:
            return None
        series: dict[str, list[HeldRow]] = {}
        for row in rows:
            series.setdefault(row.series_uid, []).append(row)
        result, *beside = sorted((_series(each) for each in series.values()), key=_place)
        return replace(result, beside=tuple(beside))

    def released(self, job_id: int) -> None:
        """Hold the series of a job no more: it is entered into the archive in this transaction."""
        mine = HeldRow.job_id == job_id, HeldRow.role == Role.RESULT
        self._session.execute(delete(HeldRow).where(*mine))

    def discard(self, job_ids: Sequence[int], now: datetime) -> int:
        """Give up what is held of these jobs; return how many files are to go.

        As everywhere, rows go first and files after: see :class:`Eraser`. A marked copy may be
        under way at this moment: it is withdrawn, and given up when that is told.
        """
        return self._discard(now, HeldRow.job_id.in_(job_ids), HeldRow.role == Role.RESULT)

    def discard_marked(self, series_uid: str, now: datetime) -> int:
        """Give up a marked copy that nobody is sent any more; return how many files are to go."""
        return self._discard(now, HeldRow.series_uid == series_uid, HeldRow.role == Role.MARKED)

    def _discard(self, now: datetime, *which: ColumnElement[bool]) -> int:
        rows = self._session.execute(select(HeldRow.path, HeldRow.sop_instance_uid).where(*which))
        doomed = [{"path": path, "sop_instance_uid": uid, "due": now} for path, uid in rows]
        self._session.execute(delete(HeldRow).where(*which))
        if doomed:
            insert = insert_into(self._session, DoomedRow).on_conflict_do_nothing()
            self._session.execute(insert, doomed)
        return len(doomed)

    def set_aside(self, series_uid: str, job_id: int, label: str) -> int:
        """Take a series that was made and entered out of everybody's sight; return how many bytes.

        Only what was made here: what somebody sent here under its UIDs is not ours to hide.
        """
        mine = InstanceRow.series_uid == series_uid, InstanceRow.origin == Origin.MADE
        rows = self._session.scalars(select(InstanceRow).where(*mine)).all()
        if not rows:
            return 0
        values = [
            {
                "sop_instance_uid": row.sop_instance_uid,
                "job_id": job_id,
                "sop_class_uid": row.sop_class_uid,
                "study_uid": row.study_uid,
                "series_uid": row.series_uid,
                "transfer_syntax_uid": row.transfer_syntax_uid,
                "sha256": row.sha256,
                "size": row.size,
                "path": row.path,
                "sender": row.sender,
                "made_at": row.received_at,
                "number": row.number,
                "label": label,
                "role": Role.RESULT,
            }
            for row in rows
        ]
        insert = insert_into(self._session, HeldRow).on_conflict_do_nothing()
        self._session.execute(insert, values)
        self._session.execute(delete(InstanceRow).where(*mine))
        return sum(row.size for row in rows)

    def places(self, series_uid: str) -> list[str]:
        """Return where the files of a series that is held, or put aside, lie in the archive."""
        query = select(HeldRow.path).where(HeldRow.series_uid == series_uid)
        return list(self._session.scalars(query.order_by(HeldRow.number, HeldRow.path)))


class MadePixels:
    """What slices show that were made here, kept for good: they are known under other names.

    Digests; answers ``in``. Uses the caller's session; never commits it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, series_uid: str, digests: Iterable[str]) -> None:
        """Keep what the slices of a series show; what is known already stays."""
        rows = [{"digest": one, "series_uid": series_uid} for one in sorted(set(digests))]
        if rows:
            insert = insert_into(self._session, MadePixelsRow)
            self._session.execute(insert.on_conflict_do_nothing(), rows)

    def __contains__(self, digest: object) -> bool:
        """Whether a slice that was made here shows this."""
        found = select(MadePixelsRow.series_uid).where(MadePixelsRow.digest == digest).limit(1)
        return self._session.scalar(found) is not None


def content_of(entries: Sequence[Entry]) -> str:
    """Return one SHA-256, hex, over the objects of a series, whatever their order."""
    return content_of_objects((one.identity.sop_instance_uid, one.sha256) for one in entries)


def content_of_objects(objects: Iterable[tuple[str, str]]) -> str:
    """Return one SHA-256, hex, over objects: SOP Instance UID and SHA-256 of each."""
    lines = "".join(f"{uid} {sha256}\n" for uid, sha256 in sorted(objects))
    return hashlib.sha256(lines.encode()).hexdigest()


def _series(rows: Sequence[HeldRow]) -> MadeSeries:
    first, entries = rows[0], tuple(_entry(row) for row in rows)
    return MadeSeries(first.study_uid, first.series_uid, first.label, entries)


def _place(one: MadeSeries) -> int:
    """Return where a series of a job stands: the result first, then its companions."""
    names = [str(name) for name in Companion]
    return names.index(one.label) + 1 if one.label in names else 0


def _entry(row: HeldRow) -> Entry:
    return Entry(
        identity=Identity(
            sop_class_uid=row.sop_class_uid,
            sop_instance_uid=row.sop_instance_uid,
            study_uid=row.study_uid,
            series_uid=row.series_uid,
            number=row.number,
        ),
        transfer_syntax_uid=row.transfer_syntax_uid,
        sha256=row.sha256,
        size=row.size,
        place=row.path,
        origin=Origin.MADE,
        sender=row.sender,
        received_at=row.made_at,
    )
