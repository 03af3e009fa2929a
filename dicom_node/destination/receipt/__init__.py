"""Whether a destination has what was sent to it: it commits itself, or it is counted.

What enters: deliveries that were sent. What leaves: deliveries that are receipted, and instances
that are to be sent again. A destination has a stage of its own here too.
"""

from dicom_node.destination.receipt.commit import Commitments
from dicom_node.destination.receipt.count import Counted, Counts, FolderCounts, Lists, PeerCounts
from dicom_node.destination.receipt.stage import ReceiptStage, Times, Ways

__all__ = [
    "Commitments",
    "Counted",
    "Counts",
    "FolderCounts",
    "Lists",
    "PeerCounts",
    "ReceiptStage",
    "Times",
    "Ways",
]
