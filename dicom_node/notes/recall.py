"""A recalled version of a model: its jobs refused, whatever it made rejected."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import Held, Studies
from dicom_node.db import Database
from dicom_node.jobs import Decisions
from dicom_node.rejections import Because, Recall, Recalls, Rejections
from dicom_node.results import held_series, series_uid
from dicom_node.values import Job

__all__ = ["carry_out", "made_by"]

_log = log.get("notes")


def carry_out(store: tuple[Database, Path], recall: Recall, now: datetime) -> None:
    """Refuse what is left to do by a recalled version, and reject whatever was made by it.

    The recall is committed before: a job that comes in between is refused when it is claimed, or
    when it ends. One job a transaction, so that whoever dies here goes on at the next start.

    Parameters
    ----------
    store : (Database, Path)
        The database, and the archive's folder.
    """
    database, folder = store
    with database.reading() as session:
        jobs = Decisions(session).of_model(recall.name, recall.version)
    rejected = 0
    for job in jobs:
        with database.transaction() as session:
            Studies(session, folder).hold(job.study_uid)  # before the job, as everywhere
            rejected += _block(session, job.id, recall, now)
    with database.transaction() as session:
        Recalls(session).ended(recall, now)
    _log.info("model recalled", name=recall.name, version=recall.version, jobs=len(jobs),
              series=rejected)  # fmt: skip


def made_by(job: Job, made: dict[str, str]) -> list[str]:
    """Return which series of a study a job made; also where it is to run again, and names none.

    A marked copy of what it made is one of them: no job names it.

    Parameters
    ----------
    made : mapping
        Series made of its study, with the label of each.
    """
    own = {*job.series_uids, *held_series(job.key)}
    return [uid for uid, label in made.items() if uid in own or uid == series_uid(job.key, label)]


def _block(session: Session, job_id: int, recall: Recall, now: datetime) -> int:
    job, is_open = Decisions(session).block(job_id, recall.record)
    if is_open:
        Held(session).discard([job_id], now)
    rejections = Rejections(session)
    said = recall.by, f"model {recall.name} {recall.version}: {recall.why}"
    places = [(job.study_uid, uid) for uid in made_by(job, rejections.made(job.study_uid))]
    return sum(rejections.reject(one, Because.RECALLED, said, now) for one in places)
