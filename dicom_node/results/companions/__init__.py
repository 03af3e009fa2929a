"""What goes with a result: a map of its uncertainty, reports on it, a warning over its slices.

What enters: a result's making and the series made of it. What leaves: one object each, in a series
of its own of the same study. All are marked as synthetic, for what comes of synthetic images is.
"""

from dicom_node.results.companions.common import Kind
from dicom_node.results.companions.document import PDF, make_pdf
from dicom_node.results.companions.overlay import OVERLAY, make_overlay
from dicom_node.results.companions.report import REPORT, make_report
from dicom_node.results.companions.uncertainty import UNCERTAINTY, make_uncertainty

__all__ = [
    "OVERLAY",
    "PDF",
    "REPORT",
    "UNCERTAINTY",
    "Kind",
    "make_overlay",
    "make_pdf",
    "make_report",
    "make_uncertainty",
]
