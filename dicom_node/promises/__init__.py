"""What peers ask us to vouch for, and whether we can.

What enters: requests of storage commitment. What leaves: for each a report, once and for all, to
whoever takes it to the peer.
"""

from dicom_node.promises.promises import Added, Promise, Promises
from dicom_node.promises.vouch import vouch

__all__ = ["Added", "Promise", "Promises", "vouch"]
