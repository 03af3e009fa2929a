"""What was made here and is not to be used any more, and how far that was told.

What enters: that a series is superseded, or that a version of a model is recalled. What leaves: the
rejections whose note is still to be made or queued, and the versions that no job may use.
"""

from dicom_node.rejections.recalls import Recall, Recalls
from dicom_node.rejections.rejections import Because, Rejection, Rejections

__all__ = ["Because", "Recall", "Recalls", "Rejection", "Rejections"]
