"""Jobs into the audit trail: which images one reads, and which it made (PS3.15 A.5.3.6)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dicom_node.audit import Action, Audit, alerts, events, read_study
from dicom_node.values import Instance, Model
from dicom_node.worker.work import Answer
from engine.reason import Code

__all__ = ["tell_made", "tell_mismatch", "tell_read"]


def tell_read(audit: Audit, now: datetime, study_uid: str, instances: Sequence[Instance]) -> None:
    """Record that a job is about to read these instances; each try of it reads them again."""
    if audit.on and instances:
        classes = _counted(one.sop_class_uid for one in instances)
        study = read_study(study_uid, classes, instances[0].path)
        audit.record(events.instances_accessed(now, study, Action.READ))


def tell_made(audit: Audit, now: datetime, answer: Answer, archive: Path) -> None:
    """Record the series that a job made.

    Parameters
    ----------
    archive : Path
        The archive's folder.
    """
    if audit.on and answer.placed:
        marked = answer.marked.placed if answer.marked else ()
        classes = _counted(one.sop_class_uid for one in (*answer.everything, *marked))
        study = read_study(answer.study_uid, classes, archive / answer.placed[0].place)
        audit.record(events.instances_accessed(now, study, Action.CREATE))


def tell_mismatch(audit: Audit, now: datetime, model: Model, answer: Answer) -> None:
    """Raise the alert that the files of a model are not what they should be (A.5.3.11)."""
    for reason in answer.reasons:
        if reason["code"] == Code.MODEL_TAMPERED:
            uri = f"urn:dicom-synthesis-node:model:{model.name}@{model.version}"
            audit.record(alerts.model_mismatch(now, uri, reason["text"]))


def _counted(uids: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(uids).items()))
