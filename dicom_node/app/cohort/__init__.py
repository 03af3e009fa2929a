"""A cohort file and a node into pairs: which of an archive's series may teach a model."""

from dicom_node.app.cohort.elsewhere import draw_from, forget
from dicom_node.app.cohort.here import chosen, written

__all__ = ["chosen", "draw_from", "forget", "written"]
