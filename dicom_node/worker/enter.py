"""A series that was made into the archive, and onto its way: at once, or when it was released."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from dicom_node.archive import Archive, MadeSeries, SeriesFacts, Studies
from dicom_node.outbox import Outbox
from dicom_node.results.companions import KINDS
from dicom_node.values import Companion
from engine.reason import Code

__all__ = ["enter_made"]


def enter_made(
    session: Session,
    archive: Archive,
    made: MadeSeries,
    job_id: int,
    destinations: Sequence[str],
    now: datetime,
) -> int:
    """Enter a series with its companions in the caller's transaction, and queue all of them.

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
    facts = [_facts(made, job_id), *(_beside(one, made, job_id) for one in made.beside)]
    Studies(session, archive.folder).note_series(made.study_uid, facts)
    outbox = Outbox(session, archive.folder)
    for one in made.all_series:
        outbox.add(made.study_uid, one.series_uid, destinations, now)
    return added


def _beside(one: MadeSeries, made: MadeSeries, job_id: int) -> SeriesFacts:
    """Return what is known of a companion; its label is that of any such object."""
    modality = KINDS[Companion(one.label)].modality
    text = f"the {one.label} of series {made.series_uid}, made here by job {job_id}; not acquired"
    return replace(
        _facts(one, job_id),
        modality=modality,
        label="SR" if modality == "SR" else "OTHER",
        reasons=({"code": str(Code.SYNTHETIC), "text": text},),
    )


def _facts(made: MadeSeries, job_id: int) -> SeriesFacts:
    """Return what is known of a series made here; it is input to nothing."""
    reason = {"code": str(Code.SYNTHETIC), "text": f"made here by job {job_id}; not acquired"}
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
