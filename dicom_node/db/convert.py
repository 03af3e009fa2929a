"""Rows into values: what several stores hand out alike."""

from pathlib import Path

from dicom_node.db.beside import HeldRow
from dicom_node.db.tables import InstanceRow, JobRow
from dicom_node.values import Instance, Model, Origin

__all__ = ["instance_of", "model_of"]


def instance_of(row: InstanceRow | HeldRow, folder: Path) -> Instance:
    """Return the instance of a row; ``folder`` is the archive's. What lies apart was made here."""
    return Instance(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        study_uid=row.study_uid,
        series_uid=row.series_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        sha256=row.sha256,
        size=row.size,
        path=folder / row.path,
        origin=Origin.MADE if isinstance(row, HeldRow) else Origin(row.origin),
    )


def model_of(row: JobRow) -> Model:
    """Return the model of a job; what it was made with besides stands in the row, too."""
    return Model(row.model["name"], row.model["version"], row.model["digest"])
