"""Rows into values: what several stores hand out alike, and which job made a series."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dicom_node.db.beside import HeldRow
from dicom_node.db.tables import InstanceRow, JobRow, SeriesRow
from dicom_node.dicom import held_kind, series_uid
from dicom_node.values import Companion, Instance, JobState, Model, Origin
from engine.task import LABELS_MADE

__all__ = [
    "Maker",
    "Place",
    "instance_of",
    "makers_of",
    "model_of",
    "results_of",
    "series_of",
    "series_of_jobs",
]

Place = tuple[str, str]
"""Study and series UID."""


@dataclass(frozen=True, slots=True)
class Maker:
    """The job that made a series.

    Parameters
    ----------
    is_out : bool
        Whether what it made was entered, at once or by a person who released it.
    is_marked : bool
        Whether the series is the marked copy of a result that waited: that is never entered.
    """

    model: Model
    is_out: bool
    is_marked: bool


def instance_of(row: InstanceRow | HeldRow, folder: Path) -> Instance:
    """Return the instance of a row; ``folder`` is the archive's. What lies apart was made here."""
    return Instance(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        sha256=row.sha256,
        size=row.size,
        path=folder / row.path,
        origin=Origin.MADE if isinstance(row, HeldRow) else Origin(row.origin),
    )


def model_of(row: JobRow) -> Model:
    """Return the model of a job; what it was made with besides stands in the row, too."""
    return Model(row.model["name"], row.model["version"], row.model["digest"])


def results_of(job_key: str) -> frozenset[str]:
    """Return the UIDs that what a job is for may have: result and companions."""
    return frozenset(series_uid(job_key, kind) for kind in (*LABELS_MADE, *Companion))


def series_of(job_key: str) -> frozenset[str]:
    """Return the UIDs that whatever a job makes may have: its marked copies too."""
    return results_of(job_key) | {series_uid(job_key, held_kind(one)) for one in LABELS_MADE}


def series_of_jobs(session: Session, study_uid: str) -> frozenset[str]:
    """Return all that the jobs of a study made or may have made: some may be given up by now."""
    jobs = select(JobRow.key, JobRow.series_uids).where(JobRow.study_uid == study_uid)
    return frozenset(uid for key, uids in session.execute(jobs) for uid in (*uids, *series_of(key)))


def makers_of(session: Session, places: Collection[Place]) -> dict[Place, Maker]:
    """Return the job that made each of some series; what no job of ours made is absent.

    A job is known by its key, also where it names no series, for it is to run again or what it made
    was given up; and also where somebody sent the series here in another study.
    """
    if not places:
        return {}
    row, model = JobRow, JobRow.model
    studies, uids = {study for study, _ in places}, {series for _, series in places}
    known = select(SeriesRow.study_uid).where(SeriesRow.uid.in_(uids))
    columns = (
        row.key, row.state, row.series_uids, row.decided["what"].as_string(),
        model["name"].as_string(), model["version"].as_string(), model["digest"].as_string(),
    )  # fmt: skip
    jobs = select(*columns).where(or_(row.study_uid.in_(studies), row.study_uid.in_(known)))
    found: dict[Place, Maker] = {}
    for job in session.execute(jobs.order_by(row.id)):
        for uid in uids & (series_of(job[0]) | set(job[2])):
            found |= {place: _maker(job, uid) for place in places if place[1] == uid}
    return found


def _maker(job: Sequence[Any], uid: str) -> Maker:
    key, state, _, decided, *model = job
    return Maker(
        model=Model(*(word or "" for word in model)),
        is_out=state == JobState.DONE or decided == "released",
        is_marked=uid in {series_uid(key, held_kind(label)) for label in LABELS_MADE},
    )
