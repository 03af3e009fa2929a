"""Before an association: TLS, the first PDU, and who is turned away.

What enters: accepted connections. What leaves: those that have asked for an association in time
and in bounds, with the certificate that they showed; of each other one, a refusal.
"""

from dicom_node.association.door.door import Arrival, Door, Server
from dicom_node.association.door.refusal import Doorway, Reason, Refused, nobody

__all__ = ["Arrival", "Door", "Doorway", "Reason", "Refused", "Server", "nobody"]
