"""The stage: complete → routed, with its jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import SeriesFacts, Studies
from dicom_node.db import Database
from dicom_node.dicom import device_uid_of
from dicom_node.jobs import JobPlan, JobQueue, job_key
from dicom_node.outbox import Outbox
from dicom_node.rules.elsewhere import Elsewhere
from dicom_node.rules.plan import Candidate, Decision, decide
from dicom_node.rules.rule import Rule
from dicom_node.series import Findings, OwnIdentity, examine, fits
from dicom_node.values import Instance, JobState, Model, Source
from engine.provenance import PIPELINE_VERSION, digest_of
from engine.reason import Code, Reason
from engine.task import Task

__all__ = ["RulesStage", "Understood", "understand"]

_log = log.get("rules")


@dataclass(frozen=True, slots=True)
class Understood:
    """A study as the rules see it: its series, the instances of each, and all series here."""

    series: tuple[Candidate, ...]
    instances: Mapping[str, Sequence[Instance]]
    here: frozenset[str]


def understand(
    studies: Studies,
    study_uid: str,
    tasks: Mapping[str, Task],
    known: tuple[str, Collection[str]],
) -> Understood:
    """Read the headers of every series of a study, and judge them for every task.

    Parameters
    ----------
    studies : Studies
        Where the files are.
    known : (str, collection of str)
        The installation's device UID and the digests of its models, by which our own objects are
        told.
    """
    node_uid, digests = known
    made = frozenset(studies.made(study_uid))
    own = OwnIdentity(
        creator_uids=frozenset({node_uid}),
        device_uids=frozenset(device_uid_of(node_uid, digest) for digest in digests),
        series_uids=made,
    )
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
    return Understood(tuple(series), instances, made | frozenset(instances))


def _identity_reasons(
    found: Mapping[str, Findings], conflicts: Mapping[str, int]
) -> dict[str, list[Reason]]:
    """Two patients in one study, or one UID with two contents: nobody can say whose image it is."""
    reasons: dict[str, list[Reason]] = {}
    patients = {findings.header.get("PatientID") for findings in found.values()}
    for uid in found:
        if len(patients) > 1:
            text = f"the study holds {len(patients)} different Patient IDs; correct them and resend"
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
    rules : sequence of Rule
    tasks : mapping
        Every task that is configured, by name.
    own : (str, mapping)
        The installation's device UID, by which our own objects are told, and what of the
        configuration changes an object's meaning: both are in every job's key.
    elsewhere : Elsewhere
        Who is asked for series that are not here.
    """

    def __init__(
        self,
        database: Database,
        archive_folder: Path,
        rules: Sequence[Rule],
        tasks: Mapping[str, Task],
        own: tuple[str, Mapping[str, str]],
        elsewhere: Elsewhere,
    ) -> None:
        self._database = database
        self._folder = archive_folder
        self._rules = rules
        self._tasks = tasks
        self._node_uid, self._output = own[0], dict(own[1])
        used = (*tasks.values(), *(rule.task for rule in rules))
        self._digests = frozenset(task.bundle.identity.digest for task in used)
        self._elsewhere = elsewhere

    def tick(self, now: datetime) -> int:
        """Plan every complete study; return how many were planned."""
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).to_plan()
        return sum(self._plan(uid, revision, now) for uid, revision in waiting)

    def explain(self, study_uid: str) -> list[Decision]:
        """Return what every rule would do with a study now; nothing is written."""
        with self._database.reading() as session:
            studies = Studies(session, self._folder)
            study = self._understand(studies, study_uid)
        return self._decide(study_uid, study)

    def _understand(self, studies: Studies, study_uid: str) -> Understood:
        return understand(studies, study_uid, self._tasks, (self._node_uid, self._digests))

    def _decide(self, study_uid: str, study: Understood) -> list[Decision]:
        """Decide by what is here; ask peers only where a rule would fire on that."""
        decisions = [decide(rule, study.series) for rule in self._rules]
        if not any(decision.fired for decision in decisions):
            return decisions
        there = self._elsewhere.series(study_uid, study.here)
        return [decide(rule, study.series, there) for rule in self._rules] if there else decisions

    def _plan(self, study_uid: str, revision: int, now: datetime) -> bool:
        with self._database.reading() as session:
            studies = Studies(session, self._folder)
            study = self._understand(studies, study_uid)
        decisions = self._decide(study_uid, study)
        with self._database.transaction() as session:
            studies = Studies(session, self._folder)
            if not studies.routed(study_uid, revision):
                return False  # an instance came while headers were read: it is planned again
            studies.note_series(study_uid, [_facts(one) for one in study.series])
            for decision in decisions:
                studies.note_decision(study_uid, decision.rule.name, decision.unmet, now)
            plans = [self._job_plan(study_uid, one, study) for one in decisions if one.fired]
            keys = {plan.rule: job_key(self._node_uid, plan) for plan in plans}
            for plan in plans:
                self._queue(session, keys[plan.rule], plan, now)
            JobQueue(session).keep_only(study_uid, keys)
        fired = [decision.rule.name for decision in decisions if decision.fired]
        _log.info("study routed", study_uid=study_uid, series=len(study.series), fired=fired)
        return True

    def _queue(self, session: Session, key: str, plan: JobPlan, now: datetime) -> None:
        job = JobQueue(session).add(key, plan, now)
        if job.state is JobState.DONE:  # made already: this rule only adds where it goes
            outbox = Outbox(session, self._folder)
            for series_uid in job.series_uids:
                outbox.add(plan.study_uid, series_uid, plan.destinations, now)

    def _job_plan(self, study_uid: str, decision: Decision, study: Understood) -> JobPlan:
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
        )


def _facts(one: Candidate) -> SeriesFacts:
    findings = one.findings
    tasks: dict[str, Any] = {
        name: {"verdict": "refuse" if against else "accept", "reasons": _plain(against)}
        for name, against in one.against.items()
    }
    return SeriesFacts(
        series_uid=one.series_uid,
        modality=findings.modality or None,
        description=findings.description or None,
        label=str(findings.label),
        synthetic=findings.synthetic,
        verdict=findings.verdict,
        reasons=tuple(_plain(findings.reasons)),
        tasks=tasks,
    )


def _plain(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [{"code": str(reason.code), "text": reason.text} for reason in reasons]
