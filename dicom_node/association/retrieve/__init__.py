"""Query and retrieval: instances sent to those who ask, or to a third (PS3.4 C.4).

What enters: C-FIND, C-GET and C-MOVE requests. What leaves: answers; instances, each as the archive
keeps it where that is taken; and a true account of what went and what did not.
"""

from dicom_node.association.retrieve.services import QueryRetrieve

__all__ = ["QueryRetrieve"]
