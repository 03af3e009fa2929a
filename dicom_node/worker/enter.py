"""A series that was made into the archive, and onto its way: at once, or when it was released."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from dicom_node.archive import Archive, MadeSeries, SeriesFacts, Studies
from dicom_node.outbox import Outbox
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
    """Enter a series in the caller's transaction, and queue it for its destinations.

    Returns
    -------
    int
        How many bytes are new, for :meth:`Studies.weigh` once they are committed.

    Raises
    ------
    ArchiveBroken
        As :meth:`Archive.enter`.
    """
    added = archive.enter(session, made.entries)
    Studies(session, archive.folder).note_series(made.study_uid, [_facts(made, job_id)])
    Outbox(session, archive.folder).add(made.study_uid, made.series_uid, destinations, now)
    return added


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
