"""The stage: complete → routed, with its jobs."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import Held, MadePixels, Studies
from dicom_node.db import Database
from dicom_node.errors import DatabaseAway
from dicom_node.jobs import (
    Decisions,
    Earlier,
    JobPlan,
    JobQueue,
    Requests,
    job_key,
    made_by,
    together,
)
from dicom_node.outbox import Outbox
from dicom_node.questions import Fetches, Questions
from dicom_node.rejections import Because, Recall, Recalls, Rejections
from dicom_node.rules.current import Current
from dicom_node.rules.elsewhere import Elsewhere
from dicom_node.rules.fetch import Bounds, Sought, seek
from dicom_node.rules.plan import Candidate, Decision, Shelf, decide, facts_of, forbid
from dicom_node.rules.rule import Rule
from dicom_node.rules.wish import Offer, wish
from dicom_node.scu import SeriesThere
from dicom_node.series import Findings, OwnIdentity, examine, fits, strangers
from dicom_node.values import Instance, Job, JobState, Model, Source
from engine.provenance import PIPELINE_VERSION, digest_of
from engine.reason import Code, Reason
from engine.task import Task

__all__ = ["RulesStage", "Understood", "understand"]

_log = log.get("rules")
_AFTER_A_BUG = timedelta(minutes=5)
_US, _CANCELLED = "this node", "the study changed, and what was held of it is given up"


@dataclass(frozen=True, slots=True)
class Understood:
    """A study as the rules see it: its series, the instances of each, and all series here.

    ``made`` are those of them that were made here, ``rules`` the rules as they stand, ``wishes``
    those that stand for requests, ``offer`` what else may be asked for, ``recalled`` the models, by
    name and version, that no rule may use.
    """

    series: tuple[Candidate, ...]
    instances: Mapping[str, Sequence[Instance]]
    here: frozenset[str]
    made: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    wishes: tuple[Rule, ...] = ()
    offer: Offer | None = None
    recalled: Mapping[tuple[str, str], Recall] = field(default_factory=dict)


def understand(
    studies: Shelf,
    study_uid: str,
    tasks: Mapping[str, Task],
    known: OwnIdentity,
) -> Understood:
    """Read the headers of every series of a study, and judge them for every task.

    Parameters
    ----------
    studies : Shelf
        Where the files are.
    known : OwnIdentity
        By what our own objects are told in whichever study.
    """
    made = frozenset(studies.made(study_uid))
    own = replace(known, series_uids=made)
    instances = studies.files(study_uid)
    conflicts = studies.conflicts(study_uid)
    found = {
        uid: examine([instance.path for instance in files], own) for uid, files in instances.items()
    }
    extra = _identity_reasons(found, conflicts)
    series = []
    for uid, findings in found.items():
        judged = replace(findings, reasons=(*findings.reasons, *extra.get(uid, ())))
        against = {
            name: fits(judged, task.bundle.contract, task.grid) for name, task in tasks.items()
        }
        series.append(Candidate(uid, judged, against))
    return Understood(tuple(series), instances, made | frozenset(instances), made)


def _identity_reasons(
    found: Mapping[str, Findings], conflicts: Mapping[str, int]
) -> dict[str, list[Reason]]:
    """Two patients in one study, or one UID with two contents: nobody can say whose image it is.

    What is synthetic is input to nothing, so it puts nothing in doubt: a PACS that corrected a name
    sends it back under the new one.
    """
    reasons: dict[str, list[Reason]] = {}
    acquired = [findings for findings in found.values() if not findings.synthetic]
    patients = {findings.header.get("PatientID") for findings in acquired}
    images = [findings.header for findings in acquired if findings.chosen is not None]
    differing = strangers(images) or ("Patient ID",) * (len(patients) > 1)  # a report may misspell
    for uid in found:
        if differing:
            what = " and ".join(differing)
            text = f"the study's series differ in {what}; correct them and resend"
            reasons.setdefault(uid, []).append(Reason(Code.IDENTITY_CONFLICT, text))
        if count := conflicts.get(uid, 0):
            text = (
                f"{count} instances came again with other content under the same UID; the first "
                "were kept, the others lie apart"
            )
            reasons.setdefault(uid, []).append(Reason(Code.IDENTITY_CONFLICT, text))
    return reasons


class RulesStage:
    """Plan complete studies.

    Parameters
    ----------
    database : Database
    archive_folder : Path
    current : Current
        The rules, every task that is configured, and where results may go; with the versions of
        models that are used at each moment.
    own : (str, mapping)
        The installation's device UID, by which our own objects are told, and what of the
        configuration changes an object's meaning: both are in every job's key.
    elsewhere : Elsewhere
        Who is asked for series that are not here, and how long that is waited for.
    """

    def __init__(
        self,
        database: Database,
        archive_folder: Path,
        current: Current,
        own: tuple[str, Mapping[str, str]],
        elsewhere: Elsewhere,
    ) -> None:
        self._database = database
        self._folder = archive_folder
        self._current = current
        self._node_uid, self._output = own[0], dict(own[1])
        self._elsewhere = elsewhere

    def tick(self, now: datetime) -> int:
        """Plan every complete study; return how many were planned."""
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).to_plan(now)
        return sum(self._try(uid, revision, now) for uid, revision in waiting)

    def explain(self, study_uid: str, now: datetime) -> list[Decision]:
        """Return what every rule would do with a study now; nothing is written.

        What peers answered lately counts; else they are asked, for no longer than they take.
        """
        with self._database.reading() as session:
            study = self.understand(session, study_uid)
            known = Questions(session).known(study_uid, now, self._elsewhere.cache_s)
        decisions = self._decide(study, ())
        if not _peers_matter(decisions):
            return decisions
        if set(known) >= set(self._elsewhere.inquirers):
            there = [one for answer in known.values() for one in answer.series]
        else:
            told = self._elsewhere.ask_now(study_uid, study.here, study.made)
            there = [one for series in told.values() for one in series]
        return self._decide(study, there)

    def understand(self, session: Session, study_uid: str) -> Understood:
        """Return a study as the rules see it now, with what was asked to be made of it."""
        rules, offer = self._current.at_this_moment(session)
        studies, digests = Studies(session, self._folder), self._current.digests()
        known = OwnIdentity.of(self._node_uid, digests, MadePixels(session))
        asked = Requests(session).granted(study_uid).items()
        wishes = [wish(task, destinations, offer) for task, destinations in asked]
        wished = tuple(one for one in wishes if one is not None)
        study, recalled = understand(studies, study_uid, offer.tasks, known), Recalls(session).all()
        return replace(study, rules=rules, wishes=wished, offer=offer, recalled=recalled)

    def judge(
        self, rule: Rule, study: Understood, elsewhere: Sequence[SeriesThere] = ()
    ) -> Decision:
        """Return what a rule does with a study; one whose model is recalled does nothing."""
        decision, identity = decide(rule, study.series, elsewhere), rule.task.bundle.identity
        recall = study.recalled.get((identity.name, identity.version))
        return decision if recall is None else forbid(decision, recall.reason)

    def _decide(self, study: Understood, there: Sequence[SeriesThere]) -> list[Decision]:
        elsewhere = [one for one in there if one.series_uid not in study.here]
        return [self.judge(rule, study, elsewhere) for rule in (*study.rules, *study.wishes)]

    def _try(self, study_uid: str, revision: int, now: datetime) -> bool:
        """Plan a study; a bug that it meets is told and puts it off, and the others are planned."""
        is_planned = False
        with ExitStack() as after_a_bug:
            told = log.noting(_log.bind(study_uid=study_uid), "study not planned")
            after_a_bug.push(told)
            after_a_bug.callback(self._put_off, study_uid, now + _AFTER_A_BUG)
            try:
                is_planned = self._plan(study_uid, revision, now)
            except DatabaseAway:  # for all of them
                after_a_bug.pop_all()
                raise
            after_a_bug.pop_all()
        return is_planned

    def _put_off(self, study_uid: str, until: datetime) -> None:
        with self._database.transaction() as session:
            Studies(session, self._folder).put_off(study_uid, until)

    def _plan(self, study_uid: str, revision: int, now: datetime) -> bool:
        """Decide by what is here; ask peers only where that may change anything."""
        with self._database.reading() as session:
            study = self.understand(session, study_uid)
        decisions = self._decide(study, ())
        if self._elsewhere.inquirers and _peers_matter(decisions):
            weighed = self._weigh(study_uid, study, now)
            if weighed is None:
                return False
            decisions = weighed
        return self._route((study_uid, revision), study, decisions, now)

    def _weigh(self, study_uid: str, study: Understood, now: datetime) -> list[Decision] | None:
        """Decide by what peers have too; None where there is an answer, or a series, to wait for.

        A study that waits is put off in the transaction that asks: whoever answers wakes it.
        """
        elsewhere = self._elsewhere
        with self._database.transaction() as session:
            answers, until = Questions(session).consult(
                study_uid, tuple(elsewhere.inquirers), now, elsewhere.wait_s, elsewhere.cache_s
            )
            if until is not None:
                Studies(session, self._folder).put_off(study_uid, until)
                return None
            there = [one for answer in answers for one in answer.series]
            decisions = self._decide(study, there)
            fetches = Fetches(session).of_study(study_uid)
            bounds = Bounds(elsewhere.movers, elsewhere.fetch_s, elsewhere.cache_s)
            sought = [
                seek(one, there, fetches, bounds, (study_uid, now))
                if one.rule.fetch and one.lacking
                else Sought()
                for one in decisions
            ]
            ends = [one.until for one in sought if one.until is not None]
            ends += [one.until for one in fetches if one.is_open(now)]  # it may be half here
            if ends:
                Fetches(session).want([one for each in sought for one in each.wanted], now)
                Studies(session, self._folder).put_off(study_uid, max(ends))
                return None
        return [
            replace(one, unmet=(*one.unmet, *each.notes))
            for one, each in zip(decisions, sought, strict=True)
        ]

    def _route(
        self,
        study_at: tuple[str, int],
        study: Understood,
        decisions: Sequence[Decision],
        now: datetime,
    ) -> bool:
        study_uid, revision = study_at
        with self._database.transaction() as session:
            studies = Studies(session, self._folder)
            if not studies.routed(study_uid, revision):
                return False  # an instance came while headers were read: it is planned again
            nothing_new = _is_nothing_new(studies.news(study_uid), study)
            self.note(session, study_uid, study)
            for decision in decisions:
                if decision.rule not in study.wishes:
                    studies.note_decision(study_uid, decision.rule.name, decision.unmet, now)
            wished = [one for one in decisions if one.rule in study.wishes]
            Requests(session).decided(
                study_uid, {one.rule.task.name: one.reasons for one in wished}
            )
            plans = together([self.plan(study_uid, one, study) for one in decisions if one.fired])
            keys = {plan.rule: self.key(session, plan, nothing_new=nothing_new) for plan in plans}
            for plan in plans:
                self.queue(session, keys[plan.rule], plan, now)
            self._keep_only(session, study_uid, keys, now)
            self._supersede(session, study_uid, study, now)
        fired = [decision.rule.name for decision in decisions if decision.fired]
        _log.info("study routed", study_uid=study_uid, series=len(study.series), fired=fired)
        return True

    def _keep_only(
        self, session: Session, study_uid: str, keys: Mapping[str, str], now: datetime
    ) -> None:
        """Cancel jobs that no rule wants any more, and give up what is held of them."""
        cancelled = JobQueue(session).keep_only(study_uid, keys)
        Rejections(session).withdraw(cancelled, (_US, _CANCELLED), now)
        Rejections(session).give_up(cancelled, (_US, _CANCELLED), now)
        Held(session).discard(cancelled, now)

    def _supersede(
        self, session: Session, study_uid: str, study: Understood, now: datetime
    ) -> None:
        """Reject what was made of a label that is acquired by now, by what tells "missing".

        After jobs that run were cancelled: what one of them has just made is seen here. What goes
        with a result is rejected with it. Of an image nobody knows whose it is: it may have been
        filed here by mistake, and takes nothing's place.
        """
        rejections = Rejections(session)
        made = rejections.made(study_uid)
        withdrawn = {one.series_uid for one in rejections.of_studies([study_uid])
                     if one.because in (Because.WITHDRAWN, Because.REFUSED)}  # fmt: skip
        acquired = {str(one.findings.label): one.series_uid for one in study.series
                    if not one.findings.synthetic and one.is_somebodys}  # fmt: skip
        late = [(uid, label, acquired[label]) for uid, label in made.items()
                if label in acquired and uid not in withdrawn]  # fmt: skip
        of_study = Decisions(session).of_study(study_uid) if late else ()
        jobs = [made_by(job, made) for job in of_study]
        for series_uid, label, by in late:
            said = by, f"series {by} is acquired {label}, and came after it was made"
            with_it = {uid for series in jobs if series_uid in series for uid in series}
            for uid in sorted(({series_uid} | with_it) - withdrawn):
                rejections.reject((study_uid, uid), Because.SUPERSEDED, said, now)

    def note(self, session: Session, study_uid: str, study: Understood) -> None:
        """Keep what was understood of each series."""
        facts = [facts_of(one) for one in study.series]
        Studies(session, self._folder).note_series(study_uid, facts)

    def key(self, session: Session, plan: JobPlan, *, nothing_new: bool = False) -> str:
        """Return the UID of the job that a plan asks for.

        Of a study that was deleted here and came again it is that of the job that it had, unless
        the model of that is recalled; so it is where only synthetic series came since it was
        planned last (``nothing_new``).
        """
        earlier, before = Earlier(session), None
        if nothing_new:
            before = earlier.planned(plan)
        elif Studies(session, self._folder).was_deleted(plan.study_uid):
            before = earlier.made(plan)
        return before or job_key(self._node_uid, plan)

    def queue(self, session: Session, key: str, plan: JobPlan, now: datetime) -> Job:
        """Return the job of a plan, queued if it is new; what it has made is sent on."""
        queue, outbox = JobQueue(session), Outbox(session, self._folder)
        job = queue.add(key, plan, now)
        if job.state is JobState.DONE:  # made already: this rule only adds where it goes
            for series_uid in job.series_uids:
                outbox.add(plan.study_uid, series_uid, plan.destinations, now)
                if outbox.lacking(series_uid, plan.destinations):  # deleted here since
                    queue.make_again(job.id, now)
        return job

    def plan(self, study_uid: str, decision: Decision, study: Understood) -> JobPlan:
        """Return what a rule that fires wants done."""
        rule, identity = decision.rule, decision.rule.task.bundle.identity
        return JobPlan(
            study_uid=study_uid,
            rule=rule.name,
            task=rule.task.name,
            grid=rule.grid,
            priority=rule.priority,
            destinations=rule.destinations,
            model=Model(identity.name, identity.version, identity.digest),
            sources=tuple(
                Source(label, uid, tuple(one.sop_instance_uid for one in study.instances[uid]))
                for label, uid in decision.sources
            ),
            pipeline_version=PIPELINE_VERSION,
            config_sha256=digest_of(self._output),
            companions=rule.companions,
        )


def _peers_matter(decisions: Sequence[Decision]) -> bool:
    """Whether what peers have may change a decision: a rule fires, or fetches what it lacks."""
    return any(one.fired or (one.rule.fetch and one.lacking) for one in decisions)


def _is_nothing_new(news: Collection[str], study: Understood) -> bool:
    """Whether all that came is synthetic, our own or another's: it changes nothing."""
    synthetic = {one.series_uid for one in study.series if one.findings.synthetic} | study.made
    return bool(news) and synthetic.issuperset(news)
