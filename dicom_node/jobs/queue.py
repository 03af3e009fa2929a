"""Jobs: added once per key, claimed by one, finished only by who holds the token."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from dicom_node.backoff import next_try
from dicom_node.db import DeletionRow, InstanceRow, JobRow, RejectionRow, WantedRow, results_of
from dicom_node.db.upsert import insert_into
from dicom_node.errors import LeaseLost, NotKnown, NotPossible
from dicom_node.jobs.convert import job_of
from dicom_node.jobs.key import JobPlan
from dicom_node.jobs.records import COMPANIONS, PROVENANCE
from dicom_node.lease import Lease, is_lost
from dicom_node.values import Companion, Job, JobState, Origin
from engine.reason import Code

__all__ = ["Ended", "JobQueue"]

_RETRIABLE = (JobState.FAILED, JobState.REFUSED, JobState.CANCELLED)
_OPEN = (JobState.WAITING, JobState.RUNNING)
_UNDECIDED = (*_OPEN, JobState.HELD)
_TAKEN_OVER = "more instances of the study came; a newer job takes its place"
_FIRES_NO_MORE = "the study changed, and its rule does not fire any more; 'why' says what it lacks"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a job ended; ``record``, where something was made, says how that was made."""

    state: JobState
    reasons: tuple[Mapping[str, str], ...] = ()
    series_uids: tuple[str, ...] = ()
    record: Mapping[str, Any] | None = None


class JobQueue:
    """Jobs waiting for the engine. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, key: str, plan: JobPlan, now: datetime) -> Job:
        """Return the job of ``key``, made if it is new; note that the plan's rule wants it.

        A second rule, or the same study sent again, finds the job that is there. One that another
        had taken the place of is wanted again, and waits again; one that a person cancelled stays
        cancelled.
        """
        insert = (
            insert_into(self._session, JobRow)
            .values(
                key=key,
                study_uid=plan.study_uid,
                rule=plan.rule,
                task=plan.task,
                grid=plan.grid,
                priority=int(plan.priority),
                state=JobState.WAITING,
                attempts=0,
                token=0,
                due=now,
                created_at=now,
                model={**asdict(plan.model), **_named(plan.companions)},
                sources=[
                    [source.label, source.series_uid, list(source.sop_instance_uids)]
                    for source in plan.sources
                ],
                reasons=[],
                series_uids=[],
            )
            .on_conflict_do_nothing(index_elements=["key"])
        )
        new = self._session.scalar(insert.returning(JobRow.id)) is not None
        # locked: a job that ends at this moment must see who wants it, or we that it has ended
        query = select(JobRow).where(JobRow.key == key).with_for_update()
        row = self._session.scalars(query).one()
        wanted = {"destinations": list(plan.destinations)}
        self._session.execute(
            insert_into(self._session, WantedRow)
            .values(job_id=row.id, rule=plan.rule, **wanted)
            .on_conflict_do_update(index_elements=["job_id", "rule"], set_=wanted)
        )
        if not new and plan.priority < row.priority:
            row.priority = int(plan.priority)
        if row.state == JobState.CANCELLED and _codes(row) == [Code.SUPERSEDED]:
            row.state, row.due, row.attempts, row.reasons = JobState.WAITING, now, 0, []
        return job_of(row)

    def of_key(self, key: str) -> Job | None:
        """Return the job of ``key``; None where there is none yet."""
        row = self._session.scalars(select(JobRow).where(JobRow.key == key)).first()
        return None if row is None else job_of(row)

    def anything(self, now: datetime) -> bool:
        """Return whether a job is due or was lost, without taking a lock."""
        due = (JobRow.state == JobState.WAITING) & (JobRow.due <= now)
        running = self._session.scalars(select(JobRow).where(JobRow.state == JobState.RUNNING))
        if any(is_lost(row.lease_owner, row.lease_until, now) for row in running):
            return True
        return self._session.scalar(select(JobRow.id).where(due).limit(1)) is not None

    def claim(self, now: datetime, lease: Lease) -> Job | None:
        """Mark the most urgent job that is due as running. One UPDATE: no two hold the same job."""
        due = (
            select(JobRow.id)
            .where(JobRow.state == JobState.WAITING, JobRow.due <= now)
            .order_by(JobRow.priority, JobRow.created_at, JobRow.id)
            .limit(1)
        )
        row = self._session.scalars(
            update(JobRow)
            .where(JobRow.id == due.scalar_subquery(), JobRow.state == JobState.WAITING)
            .values(
                state=JobState.RUNNING,
                attempts=JobRow.attempts + 1,
                token=JobRow.token + 1,
                lease_owner=lease.owner,
                lease_until=lease.until(now),
            )
            .returning(JobRow)
        ).first()
        return None if row is None else job_of(row)

    def renew(self, job: Job, now: datetime, lease: Lease) -> bool:
        """Extend the lease; False when the job is no longer held with this token."""
        result = self._session.execute(
            update(JobRow).where(*_held(job)).values(lease_until=lease.until(now))
        )
        return bool(result.rowcount)  # type: ignore[attr-defined]

    def finish(self, job: Job, ended: Ended) -> None:
        """End a run for good.

        Raises
        ------
        LeaseLost
            When somebody else took the job meanwhile: whatever was made is not to be used.
        """
        values: dict[str, object] = {
            "state": ended.state,
            "reasons": [dict(reason) for reason in ended.reasons],
            "series_uids": list(ended.series_uids),
        }
        if ended.record is not None:
            more = {**_named(job.companions), PROVENANCE: dict(ended.record)}
            values["model"] = {**asdict(job.model), **more}
        self._settle(job, values)

    def try_again(self, job: Job, now: datetime, reasons: Sequence[Mapping[str, str]]) -> None:
        """Put a job back into the queue, a while later each time.

        Raises
        ------
        LeaseLost
            When somebody else took the job meanwhile.
        """
        self._settle(
            job,
            {
                "state": JobState.WAITING,
                "reasons": [dict(reason) for reason in reasons],
                "due": next_try(now, job.attempts),
            },
        )

    def hand_back(self, job: Job, now: datetime) -> None:
        """Put a job back as if it had not been claimed: the worker stops, through no fault of it.

        Raises
        ------
        LeaseLost
            When somebody else took the job meanwhile.
        """
        self.postpone(job, now, job.reasons)

    def postpone(self, job: Job, due: datetime, reasons: Sequence[Mapping[str, str]]) -> None:
        """Put a job back that could not be tried; this was no attempt.

        Raises
        ------
        LeaseLost
            When somebody else took the job meanwhile.
        """
        values = {
            "state": JobState.WAITING,
            "attempts": JobRow.attempts - 1,
            "due": due,
            "reasons": [dict(reason) for reason in reasons],
        }
        self._settle(job, values)

    def reclaim(self, now: datetime) -> list[Job]:
        """Return jobs of dead workers to the queue: lease over, or process gone from this host."""
        running = self._session.scalars(
            select(JobRow)
            .where(JobRow.state == JobState.RUNNING)
            .order_by(JobRow.id)
            .with_for_update()  # one that ends at this moment is not put back
        ).all()
        lost = [row for row in running if is_lost(row.lease_owner, row.lease_until, now)]
        for row in lost:
            row.state, row.due = JobState.WAITING, now
            row.lease_owner = row.lease_until = None
        return [job_of(row) for row in lost]

    def keep_only(self, study_uid: str, wanted: Mapping[str, str]) -> tuple[int, ...]:
        """Cancel what waits, runs or is held for a study and is wanted by no rule any more.

        What ended without a result is wanted no more either: see :meth:`retry`.

        Parameters
        ----------
        wanted : mapping
            Name of each rule that fires to the key of the job that it wants now.

        Returns
        -------
        tuple of int
            Which were cancelled; a worker that runs one finds its token void. What is held of one
            is for the caller to give up.
        """
        without_result = self._session.scalars(
            select(JobRow)
            .where(JobRow.study_uid == study_uid, JobRow.state != JobState.DONE)
            .order_by(JobRow.id)
            .with_for_update()
        ).all()
        cancelled = []
        for row in without_result:
            rules = self._session.scalars(select(WantedRow).where(WantedRow.job_id == row.id)).all()
            past = [one for one in rules if wanted.get(one.rule) != row.key]
            for one in past:
                self._session.delete(one)
            if len(past) == len(rules) and row.state in _UNDECIDED:
                newer = any(one.rule in wanted for one in past)
                text = _TAKEN_OVER if newer else _FIRES_NO_MORE
                row.state, row.token = JobState.CANCELLED, row.token + 1
                row.reasons, row.series_uids = [{"code": Code.SUPERSEDED, "text": text}], []
                row.lease_owner = row.lease_until = None
                cancelled.append(row.id)
        self._session.flush()
        return tuple(cancelled)

    def make_again(self, job_id: int, now: datetime) -> None:
        """Let a job that is done run again: its objects are wanted, and here no more."""
        row = self._row(job_id)
        row.state, row.due, row.attempts, row.reasons = JobState.WAITING, now, 0, []

    def retry(self, job_id: int, now: datetime) -> Job:
        """Let a job that ended without result run again under the same key.

        One that is done too, where what it made was deleted.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or it is waiting, running or done, or nothing wants it as
            its study is now, or what it works on was deleted.
        """
        row = self._row(job_id)
        if row.state not in _RETRIABLE and not (row.state == JobState.DONE and self._is_gone(row)):
            raise NotPossible(f"job {job_id} is {row.state}; only a job without result is retried")
        if self._is_rejected(row):
            raise NotPossible(
                f"job {job_id}: what it made is rejected, as 'dicom-node why' says; it is not made "
                "again"
            )
        if not self._is_wanted(row):
            raise NotPossible(
                f"job {job_id}: no rule and no request wants it any more; 'dicom-node why "
                f"{row.study_uid}' says what they make of the study as it is now"
            )
        if not self._has_sources(row):
            raise NotPossible(
                f"job {job_id}: what it works on is not here any more; send study {row.study_uid} "
                "again"
            )
        row.decided = row.decided if row.state == JobState.DONE else None  # released once is enough
        row.state, row.due, row.attempts, row.reasons = JobState.WAITING, now, 0, []
        return job_of(row)

    def cancel(self, job_id: int) -> Job:
        """Stop a job that waits or runs; a worker that runs it finds its token void.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or it has ended.
        """
        row = self._row(job_id)
        if row.state not in _OPEN:
            raise NotPossible(f"job {job_id} is {row.state}; only an open one is cancelled")
        row.state, row.token = JobState.CANCELLED, row.token + 1
        row.reasons = [{"code": Code.CANCELLED, "text": "cancelled by hand; 'jobs retry' runs it"}]
        return job_of(row)

    def list(self, states: Sequence[JobState] = ()) -> list[Job]:
        """Return jobs, newest first; those in ``states`` where given."""
        query = select(JobRow).order_by(JobRow.id.desc())
        rows = self._session.scalars(query.where(JobRow.state.in_(states)) if states else query)
        return [job_of(row) for row in rows]

    def destinations(self, job_id: int) -> tuple[str, ...]:
        """Return where the result is wanted, by all rules together."""
        rows = self._session.scalars(
            select(WantedRow).where(WantedRow.job_id == job_id).order_by(WantedRow.rule)
        )
        return tuple(dict.fromkeys(name for row in rows for name in row.destinations))

    def _row(self, job_id: int) -> JobRow:
        row = self._session.get(JobRow, job_id, with_for_update=True)
        if row is None:
            raise NotKnown(f"there is no job {job_id}; 'dicom-node jobs list' shows them")
        return row

    def _is_wanted(self, row: JobRow) -> bool:
        """Whether a rule or a request wanted it when its study was planned last."""
        query = select(WantedRow.rule).where(WantedRow.job_id == row.id).limit(1)
        return self._session.scalar(query) is not None

    def _is_rejected(self, row: JobRow) -> bool:
        """Whether what a job made is not to be used any more, or others were told so once."""
        series = RejectionRow.series_uid
        told = and_(series.in_(results_of(row.key)), RejectionRow.note_uid.is_not(None))
        query = select(series).where(or_(series.in_(row.series_uids), told)).limit(1)
        return self._session.scalar(query) is not None

    def _is_gone(self, row: JobRow) -> bool:
        """Whether what a job made was deleted here."""
        if not self._was_deleted(row):
            return False
        here = InstanceRow.study_uid == row.study_uid, InstanceRow.series_uid.in_(row.series_uids)
        return self._session.scalar(select(InstanceRow.path).where(*here).limit(1)) is None

    def _was_deleted(self, row: JobRow) -> bool:
        """Whether anything of its study ever was."""
        query = select(DeletionRow.id).where(DeletionRow.study_uid == row.study_uid).limit(1)
        return self._session.scalar(query) is not None

    def _has_sources(self, row: JobRow) -> bool:
        """Whether all that a job works on is here."""
        if not self._was_deleted(row):
            return True
        uids = {uid for _, _, uids in row.sources for uid in uids}
        here = InstanceRow.study_uid == row.study_uid, InstanceRow.origin != Origin.MADE
        return uids <= set(self._session.scalars(select(InstanceRow.sop_instance_uid).where(*here)))

    def _settle(self, job: Job, values: Mapping[str, object]) -> None:
        result = self._session.execute(
            update(JobRow).where(*_held(job)).values(**values, lease_owner=None, lease_until=None)
        )
        if not result.rowcount:  # type: ignore[attr-defined]
            raise LeaseLost(f"job {job.id} was taken by another worker or cancelled meanwhile")


def _held(job: Job) -> tuple[ColumnElement[bool], ...]:
    """Return the fence: still running, and still with the token that was handed out."""
    return JobRow.id == job.id, JobRow.token == job.token, JobRow.state == JobState.RUNNING


def _named(companions: Sequence[Companion]) -> dict[str, list[str]]:
    """Return what the row's ``model`` says of companions; nothing where none are wanted."""
    return {COMPANIONS: [str(one) for one in companions]} if companions else {}


def _codes(row: JobRow) -> list[str]:
    return [reason["code"] for reason in row.reasons]
