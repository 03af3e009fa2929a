"""What a person decides about a result that waits: look at it, release it, reject it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

from sqlalchemy.orm import Session

from dicom_node.app.build import Node
from dicom_node.archive import Archive, Held, MadeSeries, Studies
from dicom_node.archive.part10 import is_intact
from dicom_node.errors import ArchiveBroken, NotPossible
from dicom_node.jobs import Decisions, JobQueue
from dicom_node.rejections import Recalls, Rejections
from dicom_node.values import Decided, Job, JobState, StudyState
from dicom_node.worker import enter_made

__all__ = ["export_held", "reject_held", "release_held"]

Told = Callable[[Job], None]
"""Writes the decision into the audit trail, in the transaction that decides."""


def release_held(node: Node, job_id: int, by: tuple[str, str], now: datetime, tell: Told) -> Job:
    """Let what a held job made into the archive, and onto its way to where rules want it.

    Parameters
    ----------
    by : (str, str)
        The person's name, and in their words why, or nothing.

    Raises
    ------
    NotKnown, NotPossible
        When there is no such job, it is not held, its model is recalled, or more of its study has
        come and nobody has looked at that.
    ArchiveBroken
        When its files are not there any more, or not what was made.
    """
    looked_at = _looked_at(node, job_id)
    with node.database.transaction() as session:
        queue, held = JobQueue(session), Held(session)
        _hold_study(session, node, job_id)
        made = _made(session, job_id)
        if made.content != looked_at.content:
            raise NotPossible(f"job {job_id} was made again meanwhile; look at what it made")
        _not_recalled(session, Decisions(session).held(job_id))
        _planned(session, node, made)
        job = Decisions(session).release(job_id, _decided("released", by, made, now))
        held.released(job_id)
        _withdraw(session, job, by, now)
        destinations = queue.destinations(job_id)
        beside = tuple(_told_of(node.archive, one) for one in made.beside)
        entered = replace(_told_of(node.archive, made), beside=beside)
        added = enter_made(session, node.archive, entered, job_id, destinations, now)
        tell(job)
    if added:
        with node.database.transaction() as session:
            Studies(session, node.archive.folder).weigh(job.study_uid, added)
    return job


def reject_held(node: Node, job_id: int, by: tuple[str, str], now: datetime, tell: Told) -> Job:
    """Refuse what a held job made; its files go.

    Raises
    ------
    NotKnown, NotPossible
        When there is no such job, or it is not held.
    """
    with node.database.transaction() as session:
        _hold_study(session, node, job_id)
        made = _made(session, job_id)
        job = Decisions(session).reject(job_id, _decided("rejected", by, made, now))
        _withdraw(session, job, by, now)
        Rejections(session).give_up([job_id], by, now)
        Held(session).discard([job_id], now)
        tell(job)
    return job


def export_held(node: Node, job_id: int, folder: Path, tell: Told) -> int:
    """Copy what a held job made into a new folder, for a person to look at; return how many files.

    Raises
    ------
    NotKnown, NotPossible
        When there is no such job, it is not held, its model is recalled, or something is at the
        folder's place.
    ArchiveBroken
        When a file cannot be copied, or is not what was made; nothing is left behind.
    """
    if folder.exists():
        raise NotPossible(f"there is something at {folder} already; name a folder that is not")
    made = _looked_at(node, job_id)
    places = [node.archive.folder / entry.place for entry in made.everything]
    try:
        _copy(places, folder)  # nobody waits for a slow stick: no transaction is open
    except OSError as exc:
        text = f"job {job_id}: its files cannot be copied to {folder}: {exc.strerror}"
        raise ArchiveBroken(text) from exc
    try:
        with node.database.transaction() as session:  # as it was when it was looked at
            job = Decisions(session).held(job_id)
            _not_recalled(session, job)
            tell(job)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return len(places)


def _looked_at(node: Node, job_id: int) -> MadeSeries:
    """Return what is held of a job, once every file of it was read and is what was made.

    No transaction is open while files are read: on SQLite nobody else could write meanwhile.
    """
    with node.database.reading() as session:
        job, made = Decisions(session).held(job_id), _made(session, job_id)
        _not_recalled(session, job)
    _whole(node.archive, made)
    return made


def _copy(places: list[Path], folder: Path) -> None:
    """Copy files; the folder has its name once all of them are there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for number, place in enumerate(places, start=1):
            shutil.copyfile(place, part / f"{number:05d}.dcm")
        part.chmod(0o750)
        part.rename(folder)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _told_of(archive: Archive, made: MadeSeries) -> MadeSeries:
    """Return a series with what it is searched by."""
    first, *rest = made.entries
    headers = archive.headers_of(first.place, first.transfer_syntax_uid)
    return replace(made, entries=(replace(first, headers=headers), *rest))


def _made(session: Session, job_id: int) -> MadeSeries:
    """Return what is held of a job; of one that is not held, say so."""
    Decisions(session).held(job_id)
    made = Held(session).of_job(job_id)
    if made is None:  # no transaction of ours leaves this behind
        raise ArchiveBroken(f"job {job_id} is held, and nothing that it made is here; reject it")
    return made


def _planned(session: Session, node: Node, made: MadeSeries) -> None:
    """Raise NotPossible where more of the study has come than was planned on.

    It may show what is acquired by now, or that images of two people are in it.
    """
    found = Studies(session, node.archive.folder).state(made.study_uid)
    if found is not None and found[0] is not StudyState.ROUTED:
        text = f"more of study {made.study_uid} has come, and is looked at within moments"
        raise NotPossible(f"{text}; then it is released, if it still waits")


def _whole(archive: Archive, made: MadeSeries) -> None:
    """Raise ArchiveBroken where a file is not what was made: another one would leave."""
    spoilt = [one for one in made.everything
              if not is_intact(archive.folder / one.place, one.sha256)]  # fmt: skip
    if spoilt:
        text = f"{len(spoilt)} of {len(made.everything)} files are not what was made"
        raise ArchiveBroken(f"{text}; reject it, and 'jobs retry' makes it again")


def _not_recalled(session: Session, job: Job) -> None:
    """Raise NotPossible where the model is recalled: nobody need have looked at the job yet."""
    if recall := Recalls(session).of(job.model.name, job.model.version):
        text = "nothing of it leaves, and it is given up within a moment"
        raise NotPossible(f"job {job.id}: {recall.reason}; {text}")


def _hold_study(session: Session, node: Node, job_id: int) -> None:
    """Hold the study before the job: who recalls a model does so too, and waits for neither."""
    Studies(session, node.archive.folder).hold(Decisions(session).study_of(job_id))


def _withdraw(session: Session, job: Job, by: tuple[str, str], now: datetime) -> None:
    """Take back the marked copies of what waits no more, for a reader is not to see two."""
    name, why = by
    released = f"what it was made of was released, as series {', '.join(job.series_uids)}"
    text = released if job.state is JobState.DONE else f"what it was made of was rejected: {why}"
    Rejections(session).withdraw([job.id], (name, text), now)


def _decided(
    what: Literal["released", "rejected"], by: tuple[str, str], made: MadeSeries, now: datetime
) -> Decided:
    name, why = by
    return Decided(what, name, why, now, made.content)
