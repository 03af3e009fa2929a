"""A series that somebody asks for, although no rule has made it: planned at once, or refused."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import Studies
from dicom_node.db import Database
from dicom_node.jobs import JobQueue, Request, Requests
from dicom_node.questions import Fetches, Questions
from dicom_node.rules.current import Current
from dicom_node.rules.elsewhere import Elsewhere
from dicom_node.rules.plan import Decision
from dicom_node.rules.rule import Rule
from dicom_node.rules.stage import RulesStage, Understood
from dicom_node.rules.wish import choose, mistakes, wish
from dicom_node.scu import SeriesThere
from dicom_node.values import Job, JobState, StudyState
from engine.reason import Code, Reason

__all__ = ["Granted", "Requester"]

_log = log.get("rules")
_ENDED = (JobState.REFUSED, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Granted:
    """What became of a request.

    Parameters
    ----------
    request : Request
        With the destinations that were chosen for it.
    reasons : tuple of Reason
        Why it is not made; empty when it is.
    job : Job or None
        The job that makes it, has made it, or ended without.
    new : bool
        Whether the job is there by this request; otherwise it was there before.
    """

    request: Request
    reasons: tuple[Reason, ...] = ()
    job: Job | None = None
    new: bool = False

    @property
    def made(self) -> bool:
        """Whether the series is there, or is going to be."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class _Judged:
    """A study and what is decided of it; ``told`` is what peers have just said that they have."""

    study: Understood
    decision: Decision
    told: Mapping[str, Sequence[SeriesThere]] = field(default_factory=dict)


class Requester:
    """Takes requests. Whoever calls it says who asks; it asks nobody whether they may.

    Parameters
    ----------
    stage : RulesStage
        What plans by rules, and plans this the same way.
    store : (Database, Path)
        The database, and the archive's folder.
    current : Current
        What may be asked for; where rules send what a task makes is where a request sends it that
        names nothing.
    elsewhere : callable
        Who is asked before a rule fires, and what of theirs is looked at for it.
    """

    def __init__(
        self,
        stage: RulesStage,
        store: tuple[Database, Path],
        current: Current,
        elsewhere: Callable[[Rule], Elsewhere],
    ) -> None:
        self._stage = stage
        self._database, self._folder = store
        self._current = current
        self._elsewhere = elsewhere

    def ask(self, request: Request, now: datetime) -> Granted:
        """Plan what is asked for, or say why it cannot be; asked twice, it is one job.

        Peers are asked on the spot, for no longer than they take: do not call it with a
        transaction open.
        """
        with self._database.reading() as session:
            rules, offer = self._current.at_this_moment(session)
            at = Studies(session, self._folder).state(request.study_uid)
            fetched = Fetches(session).of_study(request.study_uid)
        places = choose(request.task, request.destinations, rules)
        wrong = list(mistakes(request.task, places, offer))
        request = replace(request, destinations=places or ())
        wrong += _not_ready(request, at, fetching=any(one.is_open(now) for one in fetched))
        rule = wish(request.task, request.destinations, offer)
        if wrong or at is None or rule is None:
            return self._refused(request, wrong, now, known=at is not None)
        return self._settle(request, at[1], self._decide(request.study_uid, rule, now), now)

    def _decide(self, study_uid: str, rule: Rule, now: datetime) -> _Judged:
        """Judge a study as the stage does; ask peers where that may change anything."""
        with self._database.reading() as session:
            study = self._stage.understand(session, study_uid)
        decision = self._stage.judge(rule, study)
        elsewhere = self._elsewhere(rule)
        if not decision.fired or not elsewhere.inquirers:
            return _Judged(study, decision)
        with self._database.reading() as session:
            known = Questions(session).known(study_uid, now, elsewhere.cache_s)
        answered = {peer: answer.series for peer, answer in known.items()}
        told = {
            peer: _merged(series, answered.get(peer, ()))
            for peer, series in elsewhere.ask_now(study_uid, study.here, study.made).items()
        }
        there = [one for series in {**answered, **told}.values() for one in series]
        found = [one for one in there if one.series_uid not in study.here]
        return _Judged(study, self._stage.judge(rule, study, found), told)

    def _settle(self, request: Request, revision: int, judged: _Judged, now: datetime) -> Granted:
        decision = judged.decision
        with self._database.transaction() as session:
            # what peers said counts for the next plan too; before the study, as everywhere: two
            # that lock both never wait crosswise
            for peer, series in sorted(judged.told.items()):
                Questions(session).told(request.study_uid, peer, series, now)
            if not Studies(session, self._folder).requested(request.study_uid, revision):
                return Granted(request, (_receiving(request),))
            self._stage.note(session, request.study_uid, judged.study)
            if not decision.fired:
                Requests(session).refuse(request, decision.reasons, now)
                granted = Granted(request, decision.reasons)
            else:
                Requests(session).grant(request, now)
                granted = self._plan(session, request, judged, now)
        self._log(granted)
        return granted

    def _plan(self, session: Session, request: Request, judged: _Judged, now: datetime) -> Granted:
        """Queue the job, for everybody who asked for it."""
        study, decision = judged.study, judged.decision
        everyone = Requests(session).granted(request.study_uid)[request.task]
        offer = study.offer or self._current.offer
        rule = wish(request.task, everyone, offer) or decision.rule
        plan = self._stage.plan(request.study_uid, replace(decision, rule=rule), study)
        key = self._stage.key(session, plan)
        before = JobQueue(session).of_key(key)
        job = self._stage.queue(session, key, plan, now)
        reasons = tuple(_ended(job)) if job.state in _ENDED else ()
        return Granted(request, reasons, job, new=before is None)

    def _refused(
        self, request: Request, wrong: Sequence[Reason], now: datetime, *, known: bool
    ) -> Granted:
        granted = Granted(request, tuple(wrong))
        if known and request.task in self._current.offer.tasks:
            with self._database.transaction() as session:
                Requests(session).refuse(request, wrong, now)
        self._log(granted)
        return granted

    def _log(self, granted: Granted) -> None:
        request, job = granted.request, granted.job
        _log.info(
            "series requested",
            study_uid=request.study_uid,
            task=request.task,
            by=request.asked_by,
            via=request.via,
            job=job.id if job else None,
            codes=[str(one.code) for one in granted.reasons],
        )


def _not_ready(
    request: Request, at: tuple[StudyState, int] | None, *, fetching: bool
) -> Iterator[Reason]:
    if at is None:
        text = f"study {request.study_uid} was never seen here; was it sent to this node?"
        yield Reason(Code.STUDY_UNKNOWN, text)
    elif at[0] is StudyState.RECEIVING:
        yield _receiving(request)
    elif fetching:
        text = "a series of it is being fetched; ask again when that has come"
        yield Reason(Code.STUDY_RECEIVING, text)


def _receiving(request: Request) -> Reason:
    text = f"study {request.study_uid} is still arriving; ask again when 'why' says complete"
    return Reason(Code.STUDY_RECEIVING, text)


def _merged(
    there: Sequence[SeriesThere], answered: Sequence[SeriesThere]
) -> tuple[SeriesThere, ...]:
    """Return what a peer has now; what could not be told of a series may have been told before."""
    told = {one.series_uid: one for one in answered if one.label}
    return tuple(one if one.label else told.get(one.series_uid, one) for one in there)


def _ended(job: Job) -> Iterator[Reason]:
    """Say how a job ended that made nothing; only a person runs it again."""
    again = f"job {job.id} is {job.state}; 'dicom-node jobs retry {job.id}' runs it again"
    for reason in job.reasons:
        yield Reason(Code(reason["code"]), f"{reason['text']} ({again})")
    if not job.reasons:
        yield Reason(Code.CANCELLED, again)
