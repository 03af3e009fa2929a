"""Peers call: C-ECHO and C-STORE.

What enters: associations of known peers. What leaves: instances in the archive, each answered only
once it is kept for good. Loads no torch.
"""

from dicom_node.association.peers import Admission, admit
from dicom_node.association.server import Listener
from dicom_node.association.status import STATUS_OF, StoreStatus

__all__ = ["STATUS_OF", "Admission", "Listener", "StoreStatus", "admit"]
