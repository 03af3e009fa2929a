"""The stage: complete → routed, with its jobs."""

from collections.abc import Mapping, Sequence
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
    """A study as the rules see it: its series, and the instances of each."""

    series: tuple[Candidate, ...]
    instances: Mapping[str, Sequence[Instance]]


def understand(
    studies: Studies, study_uid: str, tasks: Mapping[str, Task], node_uid: str
) -> Understood:
    """Read the headers of every series of a study, and judge them for every task.

    Parameters
    ----------
    studies : Studies
        Where the files are.
    node_uid : str
        The installation's device UID, by which our own objects are told.
    """
    own = OwnIdentity(
        creator_uids=frozenset({node_uid}),
        device_uids=frozenset(
            device_uid_of(node_uid, task.bundle.identity.digest) for task in tasks.values()
        ),
        series_uids=frozenset(studies.made(study_uid)),
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
        against = {name: fits(judged, task.bundle.contract) for name, task in tasks.items()}
        series.append(Candidate(uid, judged, against))
    return Understood(tuple(series), instances)


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
    node_uid : str
        The installation's device UID: our own objects are told by it, and it is in every job's key.
    output : mapping
        What of the configuration changes an object's meaning.
    """

    def __init__(
        self,
        database: Database,
        archive_folder: Path,
        rules: Sequence[Rule],
        tasks: Mapping[str, Task],
        node_uid: str,
        output: Mapping[str, str],
    ) -> None:
        self._database = database
        self._folder = archive_folder
        self._rules = rules
        self._tasks = tasks
        self._node_uid = node_uid
        self._output = dict(output)

    def tick(self, now: datetime) -> int:
        """Plan every complete study; return how many were planned."""
        with self._database.reading() as session:
            waiting = Studies(session, self._folder).to_plan()
        return sum(self._plan(uid, revision, now) for uid, revision in waiting)

    def explain(self, study_uid: str) -> list[Decision]:
        """Return what every rule would do with a study now; nothing is written."""
        with self._database.reading() as session:
            studies = Studies(session, self._folder)
            study = understand(studies, study_uid, self._tasks, self._node_uid)
        return [decide(rule, study.series) for rule in self._rules]

    def _plan(self, study_uid: str, revision: int, now: datetime) -> bool:
        with self._database.reading() as session:
            studies = Studies(session, self._folder)
            study = understand(studies, study_uid, self._tasks, self._node_uid)
        decisions = [decide(rule, study.series) for rule in self._rules]
        with self._database.transaction() as session:
            studies = Studies(session, self._folder)
            if not studies.routed(study_uid, revision):
                return False  # an instance came while headers were read: it is planned again
            studies.note_series(study_uid, [_facts(one) for one in study.series])
            for decision in decisions:
                name = decision.rule.name
                studies.note_decision(study_uid, name, decision.unmet, now)
                if decision.fired:
                    self._queue(session, self._job_plan(study_uid, decision, study), now)
        fired = [decision.rule.name for decision in decisions if decision.fired]
        _log.info("study routed", study_uid=study_uid, series=len(study.series), fired=fired)
        return True

    def _queue(self, session: Session, plan: JobPlan, now: datetime) -> None:
        queue = JobQueue(session)
        key = job_key(self._node_uid, plan)
        job = queue.add(key, plan, now)
        queue.supersede(key, plan)
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
