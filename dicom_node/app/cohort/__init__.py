"""A cohort file and a node into pairs: which of its archive's series may teach a model."""

from dicom_node.app.cohort.here import chosen_here, written_here

__all__ = ["chosen_here", "written_here"]
