"""Which series of a study a job made: its result, the companions of that, and a marked copy."""

from collections.abc import Mapping

from dicom_node.dicom import held_kind, series_uid
from dicom_node.values import Companion, Job

__all__ = ["companion_of", "made_by"]


def companion_of(job: Job, uid: str) -> Companion | None:
    """Return which companion of a job's result a series is; None where it is none."""
    return next((one for one in Companion if series_uid(job.key, one) == uid), None)


def made_by(job: Job, made: Mapping[str, str]) -> list[str]:
    """Return which series of a study a job made; also where it is to run again, and names none.

    No job names the marked copy of what it made.

    Parameters
    ----------
    made : mapping
        Series made of its study, with the label of each.
    """
    return [
        uid
        for uid, label in made.items()
        if uid in job.series_uids
        or uid in (series_uid(job.key, label), series_uid(job.key, held_kind(label)))
        or companion_of(job, uid) is not None
    ]
