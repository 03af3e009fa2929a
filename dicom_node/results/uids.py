"""UIDs of results, derived from the job: a second run makes the same objects."""

from dicom_node.dicom import derive_uid, held_kind, series_uid
from engine.task import LABELS_MADE

__all__ = ["held_kind", "held_series", "instance_uid", "series_uid"]


def held_series(job_key: str) -> frozenset[str]:
    """Return the Series Instance UIDs that the marked copy of what a job makes may have."""
    return frozenset(series_uid(job_key, held_kind(label)) for label in LABELS_MADE)


def instance_uid(job_key: str, kind: str, index: int) -> str:
    """Return the SOP Instance UID of slice ``index`` (from 1).

    It holds no hash of the pixels: a run that rounds one voxel otherwise replaces the slice, and
    does not add a second one to the series.
    """
    return derive_uid("instance", job_key, kind, str(index))
