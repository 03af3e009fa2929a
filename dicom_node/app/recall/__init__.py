"""Recalls: what a person does who recalls a version of a model, and the report of how far it is."""

from dicom_node.app.recall.act import recall_model
from dicom_node.app.recall.report import Report, report_of

__all__ = ["Report", "recall_model", "report_of"]
