"""Peers call: C-ECHO and C-STORE, C-FIND, C-GET and C-MOVE, and storage commitment.

What enters: associations of known peers. What leaves: instances in the archive, each answered only
once it is kept for good; whatever of it is asked for; and the promise to keep it, to whoever wants
one (:mod:`dicom_node.association.commitment`). Loads no torch.
"""

from dicom_node.association.door import Doorway, Reason, Refused
from dicom_node.association.peers import Admission, admit
from dicom_node.association.retrieve import QueryRetrieve
from dicom_node.association.server import Listener
from dicom_node.association.status import STATUS_OF, StoreStatus
from dicom_node.association.told import Telling

__all__ = [
    "STATUS_OF",
    "Admission",
    "Doorway",
    "Listener",
    "QueryRetrieve",
    "Reason",
    "Refused",
    "StoreStatus",
    "Telling",
    "admit",
]
