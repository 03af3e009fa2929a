"""A request, on whichever way it came, and what became of it: a public contract."""

from datetime import datetime
from typing import Any

from dicom_node.app.build import Node
from dicom_node.audit import Person, alerts
from dicom_node.jobs import Request
from dicom_node.rules import Granted

__all__ = ["ask", "told_of"]


def ask(node: Node, wanted: Request, person: Person, now: datetime) -> Granted:
    """Ask for a series, and tell the audit trail who did."""
    granted = node.requester().ask(wanted, now)
    became = f"job {granted.job.id}" if granted.job else "refused"
    uri = f"urn:dicom-synthesis-node:task:{wanted.task}"
    said = f"{wanted.task} was asked for by {wanted.asked_by}: {became}"
    node.audit.record(alerts.restricted_function(now, person, uri, said, wanted.study_uid))
    return granted


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
