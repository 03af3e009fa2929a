"""A series that was made into the archive, and onto its way: at once, or when it was released."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from dicom_node.archive import Archive, MadePixels, MadeSeries, SeriesFacts, Studies
from dicom_node.jobs import Earlier
from dicom_node.outbox import Outbox
from dicom_node.rejections import Because, Rejections
from dicom_node.results.companions import KINDS
from dicom_node.values import Companion, Role
from engine.reason import Code

__all__ = ["enter_made", "hold_made"]


def enter_made(
    session: Session,
    archive: Archive,
    made: MadeSeries,
    job_id: int,
    destinations: Sequence[str],
    now: datetime,
) -> int:
    """Enter a series with its companions in the caller's transaction, and queue all of them.

    What was made of a part of the same study before is superseded: nobody is to have both.

    Returns
    -------
    int
        How many bytes are new, for :meth:`Studies.weigh` once they are committed.

    Raises
    ------
    ArchiveBroken
        As :meth:`Archive.enter`.
    """
    added = archive.enter(session, made.everything)
    MadePixels(session).add(made.series_uid, made.pixels)
    rejections = Rejections(session)
    rejections.anew([one.series_uid for one in made.all_series])
    said = made.series_uid, "more of the study came, and all of it is in the series that this is by"
    for uid in Earlier(session).outgrown(job_id):
        rejections.reject((made.study_uid, uid), Because.SUPERSEDED, said, now)
    text = f"made here by job {job_id}; not acquired"
    facts = [_facts(made, text), *(_beside(one, made, job_id) for one in made.beside)]
    Studies(session, archive.folder).note_series(made.study_uid, facts)
    outbox = Outbox(session, archive.folder)
    for one in made.all_series:
        outbox.add(made.study_uid, one.series_uid, destinations, now)
    return added


def hold_made(
    session: Session,
    archive: Archive,
    made: tuple[MadeSeries, MadeSeries | None],
    job_id: int,
    destinations: Sequence[str],
    now: datetime,
) -> None:
    """Hold a series in the caller's transaction, and queue its marked copy for who takes one.

    A copy is made once: what a job made before it was retried has been withdrawn, and who has been
    told so is not sent it again. Companions have no copy: they wait with the result.

    Parameters
    ----------
    made : (MadeSeries, MadeSeries or None)
        The result, and its marked copy.

    Raises
    ------
    ArchiveBroken
        As :meth:`Archive.hold`.
    """
    result, marked = made
    archive.hold(session, job_id, result)
    MadePixels(session).add(result.series_uid, result.pixels)
    Rejections(session).anew([one.series_uid for one in result.all_series])
    if marked is None or Rejections(session).is_rejected([marked.series_uid]):
        return
    archive.hold(session, job_id, marked, Role.MARKED)
    MadePixels(session).add(marked.series_uid, marked.pixels)
    text = f"a marked copy of what job {job_id} made, which waits for a person; not acquired"
    facts = replace(_facts(marked, text), modality=None)  # no query finds a study by it
    Studies(session, archive.folder).add_apart(marked.study_uid, facts)
    outbox = Outbox(session, archive.folder)
    outbox.add(marked.study_uid, marked.series_uid, destinations, now, Role.MARKED)


def _beside(one: MadeSeries, made: MadeSeries, job_id: int) -> SeriesFacts:
    """Return what is known of a companion; its label is that of any such object."""
    modality = KINDS[Companion(one.label)].modality
    text = f"the {one.label} of series {made.series_uid}, made here by job {job_id}; not acquired"
    label = "SR" if modality == "SR" else "OTHER"
    return replace(_facts(one, text), modality=modality, label=label)


def _facts(made: MadeSeries, text: str) -> SeriesFacts:
    """Return what is known of a series made here; it is input to nothing."""
    reason = {"code": str(Code.SYNTHETIC), "text": text}
    return SeriesFacts(
        series_uid=made.series_uid,
        modality=made.label if made.label in ("CT", "PT") else "MR",
        description=None,
        label=made.label,
        synthetic=True,
        verdict="refuse",
        reasons=(reason,),
        tasks={},
    )
