"""A recalled version of a model: its jobs refused, whatever it made rejected."""

from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from dicom_node import log
from dicom_node.archive import Held, Studies
from dicom_node.db import Database
from dicom_node.jobs import Decisions, made_by
from dicom_node.rejections import Because, Recall, Recalls, Rejections

__all__ = ["carry_out"]

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


def _block(session: Session, job_id: int, recall: Recall, now: datetime) -> int:
    job, is_open = Decisions(session).block(job_id, recall.record)
    rejections = Rejections(session)
    said = recall.by, f"model {recall.name} {recall.version}: {recall.why}"
    if is_open:
        rejections.give_up([job_id], said, now, Because.RECALLED)
        Held(session).discard([job_id], now)
    places = [(job.study_uid, uid) for uid in made_by(job, rejections.made(job.study_uid))]
    return sum(rejections.reject(one, Because.RECALLED, said, now) for one in places)
