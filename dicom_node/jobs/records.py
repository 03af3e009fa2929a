"""The provenance record of a job: everything that its result was made of and with, as JSON."""

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from dicom_node.db import JobRow, model_of
from dicom_node.errors import NotKnown, NotPossible

__all__ = ["COMPANIONS", "FORMAT", "PROVENANCE", "Records"]

FORMAT = 1
"""Of the record; raised when an older reader would misunderstand it."""
PROVENANCE = "provenance"
"""Where the row's ``model`` has what the row does not say elsewhere."""
COMPANIONS = "companions"
"""Where it has what is to be made beside the result."""


class Records:
    """Provenance records. Uses the caller's session, and writes nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_job(self, job_id: int) -> dict[str, Any]:
        """Return the record of what a job made last: a document that says everything by itself.

        Raises
        ------
        NotKnown, NotPossible
            When there is no such job, or none of its results was recorded.
        """
        row = self._session.get(JobRow, job_id)
        if row is None:
            raise NotKnown(f"there is no job {job_id}; 'dicom-node jobs list' shows them")
        kept = row.model.get(PROVENANCE)
        if kept is None:
            raise NotPossible(
                f"job {job_id} is {row.state} and has no provenance record: it has made nothing "
                "yet, or made it before records were kept"
            )
        sources = [
            {"label": label, "series_uid": uid, "sha256": sha256, "instances": list(instances)}
            for (label, uid, instances), sha256 in zip(row.sources, kept["sources"], strict=True)
        ]
        return {
            "format": FORMAT,
            "job": {
                "key": row.key,
                "created_at": row.created_at.isoformat(),
                "study_uid": row.study_uid,
            },
            "task": {"name": row.task, "makes": kept["makes"], "grid": row.grid},
            "model": asdict(model_of(row)),
            "sources": sources,
            **{part: kept[part] for part in ("site", "engine", "device", "software", "result")},
        }
