"""Messages on a connection that pynetdicom negotiated: read whole, sent as they are.

What enters: associations whose wire is held. What leaves: requests to serve, and instances on their
way to a peer, as bytes of the archive. Loads no torch.
"""

from dicom_node.dimse.outgoing import Outgoing, sending_to
from dicom_node.dimse.plane import Broken, Message, NotOurs, Plane, Wanted
from dicom_node.dimse.proposal import batches, proposed
from dicom_node.dimse.sender import CannotSend, ClassNotTaken, InstanceSender, Originator, Taken

__all__ = [
    "Broken",
    "CannotSend",
    "ClassNotTaken",
    "InstanceSender",
    "Message",
    "NotOurs",
    "Originator",
    "Outgoing",
    "Plane",
    "Taken",
    "Wanted",
    "batches",
    "proposed",
    "sending_to",
]
