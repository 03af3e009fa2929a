"""The stage: jobs run, results archived and queued to leave."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from dicom_node import log
from dicom_node.archive import (
    Archive,
    Entry,
    Identity,
    MadeSeries,
    Studies,
    content_of,
    content_of_objects,
)
from dicom_node.archive.part10 import damaged
from dicom_node.audit import Audit
from dicom_node.db import Database
from dicom_node.errors import ArchiveError, LeaseLost
from dicom_node.jobs import Ended, JobQueue
from dicom_node.lease import Lease
from dicom_node.rejections import Recalls
from dicom_node.values import Instance, Job, JobState, Origin
from dicom_node.worker.enter import enter_made, hold_made
from dicom_node.worker.process import Child, ChildDied
from dicom_node.worker.told import tell_made, tell_mismatch, tell_read
from dicom_node.worker.work import Answer, Placed, Work
from engine.reason import Code

__all__ = ["Retries", "WorkerStage"]

_log = log.get("worker")
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_LOOK_EVERY_S = 0.5
_FOR_SPACE = timedelta(seconds=60)
"""A full disk is no fault of the job: it waits for room, however long."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a job is tried, how long one try may take, and how long we may finish in."""

    attempts: int
    job_limit_s: float
    grace_s: float = 6.0


class WorkerStage:
    """Take one job after another and run it in a child.

    Parameters
    ----------
    store : (Database, Archive)
    child : Child
    lease : Lease
        In whose name jobs are claimed, and for how long at a time.
    retries : Retries
    now : callable
        The clock, UTC: a job runs for minutes, and its lease is renewed meanwhile.
    audit : Audit
        Told which images a job reads, and which series it made.
    """

    def __init__(
        self,
        store: tuple[Database, Archive],
        child: Child,
        lease: Lease,
        retries: Retries,
        now: Callable[[], datetime],
        audit: Audit,
    ) -> None:
        self._database, self._archive = store
        self._child = child
        self._lease = lease
        self._retries = retries
        self._now = now
        self._audit = audit
        self._stopping = Event()

    def stop(self) -> None:
        """Ask for an end: the job in hand is finished if it is quick, else handed back."""
        self._stopping.set()

    def tick(self, now: datetime) -> int:
        """Return jobs of dead workers to the queue, then run one that is due; 1 if there was."""
        job = None if self._stopping.is_set() else self._claim(now)
        if job is None:
            return 0
        _log.info("job running", job=job.id, study_uid=job.study_uid, attempt=job.attempts)
        try:
            self._run(job)
        except LeaseLost as exc:
            _log.warning("job lost", job=job.id, why=str(exc))
        return 1

    def _claim(self, now: datetime) -> Job | None:
        with self._database.reading() as session:
            if not JobQueue(session).anything(now):
                return None
        with self._database.transaction() as session:
            queue = JobQueue(session)
            for lost in queue.reclaim(now):
                _log.warning("job reclaimed", job=lost.id, study_uid=lost.study_uid)
            while (job := queue.claim(now, self._lease)) is not None:
                recall = Recalls(session).of(job.model.name, job.model.version)
                if recall is None:
                    break
                queue.finish(job, Ended(JobState.REFUSED, (recall.record,)))
                _log.warning("job refused", job=job.id, why=recall.reason.text)
            return job

    def _run(self, job: Job) -> None:
        if job.attempts > self._retries.attempts:  # its last worker died with it
            self._end(job, Answer("failed", [_died("the worker died each time it ran")]))
            return
        try:
            self._archive.check_space()
            answer = self._answer(job)
        except ChildDied as exc:
            answer = Answer("again", [_died(str(exc))])
        except ArchiveError as exc:
            answer = Answer("again", [{"code": str(Code.NO_SPACE), "text": str(exc)}])
        if answer is None:
            with self._database.transaction() as session:
                JobQueue(session).hand_back(job, self._now())
            _log.info("job handed back", job=job.id)
            return
        try:
            self._end(job, answer)
        except ArchiveError as exc:  # what was made cannot be entered
            again = [{"code": str(Code.OUTPUT_INVALID), "text": str(exc)}]
            self._end(job, Answer("again", again))

    def _answer(self, job: Job) -> Answer | None:
        """Have the child do it; None when we were asked to stop and it was not quick enough.

        However this ends without an answer, the child ends with it: what it would still say would
        be taken for the answer to the next job.
        """
        sources = self._sources(job)
        if spoilt := damaged(one for files in sources for one in files):
            return Answer("refused", [_spoilt(len(spoilt), sum(map(len, sources)))])
        work = _work(job, sources, self._destinations(job))
        tell_read(
            self._audit, self._now(), job.study_uid, [one for files in sources for one in files]
        )
        with ExitStack() as without_answer:
            without_answer.callback(self._child.stop)
            self._child.give(work.to_line())
            line = self._wait(job)
            if line is None:
                return None
            answer = _understood(line, work)
            without_answer.pop_all()
        return answer.made_from([_content(files) for files in sources])

    def _wait(self, job: Job) -> str | None:
        """Return the child's line; renew the lease meanwhile."""
        started = self._now()
        renewed, stop_at = started, None
        while True:
            line = self._child.answer(_LOOK_EVERY_S)
            if line is not None:
                return line
            now = self._now()
            if (now - started).total_seconds() > self._retries.job_limit_s:
                raise ChildDied(f"no answer within {self._retries.job_limit_s:g} s; stopped")
            if self._stopping.is_set():
                stop_at = stop_at or now
                if (now - stop_at).total_seconds() > self._retries.grace_s:
                    return None
            if (now - renewed).total_seconds() > self._lease.seconds / 3:
                renewed = now
                self._renew(job, now)

    def _renew(self, job: Job, now: datetime) -> None:
        with self._database.transaction() as session:
            if not JobQueue(session).renew(job, now, self._lease):
                raise LeaseLost(f"job {job.id} was taken by another worker or cancelled meanwhile")

    def _sources(self, job: Job) -> list[list[Instance]]:
        """Return the instances of each source of a job."""
        with self._database.reading() as session:
            studies = Studies(session, self._archive.folder)
            return [studies.instances(source.sop_instance_uids) for source in job.sources]

    def _destinations(self, job: Job) -> tuple[str, ...]:
        """Return where rules want what a job makes."""
        with self._database.reading() as session:
            return JobQueue(session).destinations(job.id)

    def _end(self, job: Job, answer: Answer) -> None:
        """Write how it ended; what was made is entered in the same transaction."""
        now, added = self._now(), 0
        made, marked = self._made(answer, now), self._marked(answer, now)
        if answer.kind == "held" and _is_released(job, made):
            answer = replace(answer, kind="made", marked=None)
        with self._database.transaction() as session:
            queue = JobQueue(session)
            recall = Recalls(session).of(job.model.name, job.model.version)
            if recall is not None:  # while it ran: what it made does not leave
                answer = Answer("refused", [recall.record])
            if answer.kind == "again" and _codes(answer) == [Code.NO_SPACE]:
                queue.postpone(job, now + _FOR_SPACE, answer.reasons)
                state = JobState.WAITING
            elif answer.kind == "again" and job.attempts < self._retries.attempts:
                queue.try_again(job, now, answer.reasons)
                state = JobState.WAITING
            else:
                state = _STATES[answer.kind]
                record = _record(answer, made)
                ended = Ended(state, tuple(answer.reasons), answer.series_uids, record)
                queue.finish(job, ended)
            if answer.kind == "made":
                destinations = queue.destinations(job.id)
                added = enter_made(session, self._archive, made, job.id, destinations, now)
            elif answer.kind == "held":
                both = made, marked
                places = answer.marked.destinations if answer.marked else ()
                hold_made(session, self._archive, both, job.id, places, now)
            tell_made(self._audit, now, answer, self._archive.folder)
            tell_mismatch(self._audit, now, job.model, answer)
        if added:
            with self._database.transaction() as session:
                Studies(session, self._archive.folder).weigh(job.study_uid, added)
        labels = {"task": job.task, "state": str(state)}
        self._archive.tally.add("jobs_ended_total", labels)
        self._archive.tally.add("job_seconds_total", labels, sum((answer.seconds or {}).values()))
        _log.info(
            "job ended",
            job=job.id,
            state=str(state),
            codes=_codes(answer),
            seconds=answer.seconds or {},
        )

    def _made(self, answer: Answer, now: datetime) -> MadeSeries:
        """Return what was made, ready to be entered."""
        study_uid = answer.study_uid
        beside = tuple(
            MadeSeries(study_uid, one.series_uid, one.name,
                       self._entries((study_uid, one.series_uid), [one.placed], now))
            for one in answer.beside
        )  # fmt: skip
        entries = self._entries((study_uid, answer.series_uid), answer.placed, now)
        return MadeSeries(study_uid, answer.series_uid, answer.label, entries, beside)

    def _marked(self, answer: Answer, now: datetime) -> MadeSeries | None:
        """Return the marked copy of what is held, ready to lie apart."""
        if (one := answer.marked) is None:
            return None
        entries = self._entries((answer.study_uid, one.series_uid), one.placed, now)
        return MadeSeries(answer.study_uid, one.series_uid, answer.label, entries)

    def _entries(
        self, series: tuple[str, str], placed: Sequence[Placed], now: datetime
    ) -> tuple[Entry, ...]:
        """Return the objects of a series; the first speaks for it in queries."""
        if not placed:
            return ()
        first, *rest = (_entry(series, one, now) for one in placed)
        headers = self._archive.headers_of(first.place, _EXPLICIT_LITTLE)
        return (replace(first, headers=headers), *rest)


def _entry(series: tuple[str, str], placed: Placed, now: datetime) -> Entry:
    study_uid, series_uid = series
    return Entry(
        identity=Identity(
            sop_class_uid=placed.sop_class_uid,
            sop_instance_uid=placed.sop_instance_uid,
            study_uid=study_uid,
            series_uid=series_uid,
            number=placed.number,
        ),
        transfer_syntax_uid=_EXPLICIT_LITTLE,
        sha256=placed.sha256,
        size=placed.size,
        place=placed.place,
        origin=Origin.MADE,
        sender="NODE",
        received_at=now,
        pixels=placed.pixels,
    )


_STATES = {
    "made": JobState.DONE,
    "held": JobState.HELD,
    "refused": JobState.REFUSED,
    "failed": JobState.FAILED,
    "again": JobState.FAILED,
}


def _work(job: Job, sources: Sequence[Sequence[Instance]], destinations: Sequence[str]) -> Work:
    return Work(
        job_id=job.id,
        run=f"{job.id}.{job.token}",
        key=job.key,
        created_at=job.created_at.isoformat(),
        task=job.task,
        grid=job.grid,
        model_digest=job.model.digest,
        sources=[
            (source.label, source.series_uid, [str(one.path) for one in files])
            for source, files in zip(job.sources, sources, strict=True)
        ],
        companions=[str(one) for one in job.companions],
        destinations=list(destinations),
    )


def _spoilt(count: int, of: int) -> dict[str, str]:
    text = f"{count} of {of} files of its sources are gone, or not what was received"
    remedy = "'verify-archive' names them; restore them from a backup, then 'jobs retry'"
    return {"code": str(Code.PIXELS_UNREADABLE), "text": f"{text}: {remedy}"}


def _content(files: Sequence[Instance]) -> str:
    """Return one SHA-256 over the objects of a source."""
    return content_of_objects((one.sop_instance_uid, one.sha256) for one in files)


def _record(answer: Answer, made: MadeSeries) -> dict[str, Any] | None:
    """Return how a result was made, and what it was; None where there is none."""
    if answer.record is None:
        return None
    result = {**_counted(made), "companions": {one.label: _counted(one) for one in made.beside}}
    return {**answer.record, "result": result}


def _counted(made: MadeSeries) -> dict[str, Any]:
    count = {"series_uid": made.series_uid, "objects": len(made.entries)}
    return {**count, "sha256": content_of(made.entries)}


def _is_released(job: Job, made: MadeSeries) -> bool:
    """Whether a person has released these very bytes: they were deleted since, and made again."""
    decided = job.decided or {}
    return decided.get("what") == "released" and decided.get("content") == f"sha256:{made.content}"


def _codes(answer: Answer) -> list[str]:
    return [reason["code"] for reason in answer.reasons]


def _understood(line: str, work: Work) -> Answer:
    """Return the answer in a line.

    Raises
    ------
    ChildDied
        When it is none, or one to other work.
    """
    try:
        answer = Answer.of_line(line)
    except (ValueError, TypeError, KeyError) as exc:
        raise ChildDied(f"the child's answer cannot be read: {exc}; stopped") from exc
    if answer.run != work.run:
        raise ChildDied(f"the child answered run '{answer.run}', not '{work.run}'; stopped")
    return answer


def _died(text: str) -> dict[str, str]:
    return {"code": str(Code.CHILD_DIED), "text": text}
