"""UIDs of results, derived from the job: a second run makes the same objects."""

from collections.abc import Mapping

from dicom_node.dicom import derive_uid
from dicom_node.values import Companion, Job

__all__ = ["companion_of", "instance_uid", "made_by", "series_uid"]


def series_uid(job_key: str, kind: str) -> str:
    """Return the Series Instance UID; one series per job and kind of output."""
    return derive_uid("series", job_key, kind)


def instance_uid(job_key: str, kind: str, index: int) -> str:
    """Return the SOP Instance UID of slice ``index`` (from 1).

    It holds no hash of the pixels: a run that rounds one voxel otherwise replaces the slice, and
    does not add a second one to the series.
    """
    return derive_uid("instance", job_key, kind, str(index))


def companion_of(job: Job, uid: str) -> Companion | None:
    """Return which companion of a job's result a series is; None where it is none."""
    return next((one for one in Companion if series_uid(job.key, one) == uid), None)


def made_by(job: Job, made: Mapping[str, str]) -> list[str]:
    """Return which series of a study a job made; also where it is to run again, and names none.

    Parameters
    ----------
    made : mapping
        Series made of its study, with the label of each.
    """
    return [
        uid
        for uid, label in made.items()
        if uid in job.series_uids
        or uid == series_uid(job.key, label)
        or companion_of(job, uid) is not None
    ]
