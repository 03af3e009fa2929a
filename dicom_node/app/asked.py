"""What became of a request, for a script and over HTTP: a public contract."""

from typing import Any

from dicom_node.rules import Granted

__all__ = ["told_of"]


def told_of(granted: Granted) -> dict[str, Any]:
    """Return what was asked for, whether it is made, by which job, and why not."""
    asked, job = granted.request, granted.job
    return {
        "study_uid": asked.study_uid,
        "task": asked.task,
        "by": asked.asked_by,
        "via": asked.via,
        "destinations": list(asked.destinations),
        "granted": granted.made,
        "new": granted.new,
        "job": None if job is None else {
            "id": job.id, "state": str(job.state), "series_uids": list(job.series_uids)
        },
        "reasons": [{"code": str(one.code), "text": one.text} for one in granted.reasons],
    }  # fmt: skip
