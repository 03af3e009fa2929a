"""What was made here and is not to be used any more, and how far that was told.

What enters: that a series is superseded, or that a version of a model is recalled. What leaves: the
rejections whose note is still to be made or queued, the versions that no job may use, and what is
against handing out an instance.
"""

from dicom_node.rejections.recalls import Recall, Recalls
from dicom_node.rejections.rejections import Because, Rejection, Rejections
from dicom_node.rejections.standing import Standing

__all__ = ["Because", "Recall", "Recalls", "Rejection", "Rejections", "Standing"]
