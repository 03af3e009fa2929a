"""UIDs of results, derived from the job: a second run makes the same objects."""

from dicom_node.dicom import derive_uid, series_uid

__all__ = ["instance_uid", "series_uid"]


def instance_uid(job_key: str, kind: str, index: int) -> str:
    """Return the SOP Instance UID of slice ``index`` (from 1).

    It holds no hash of the pixels: a run that rounds one voxel otherwise replaces the slice, and
    does not add a second one to the series.
    """
    return derive_uid("instance", job_key, kind, str(index))
