"""Recalls wired: the stage that tells, the command that recalls, the report of how far it is."""

from dicom_node.app.recall.act import recall_model
from dicom_node.app.recall.report import Report, report_of
from dicom_node.app.recall.wire import notes_stage

__all__ = ["Report", "notes_stage", "recall_model", "report_of"]
