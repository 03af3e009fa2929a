"""What is on its way out: series, destinations, and which instance each has taken.

What enters: a finished series with the names of its destinations. What leaves: deliveries to who
claims them, the word of how each instance was answered, and whether its destination vouches for it.
"""

from dicom_node.outbox.outbox import Outbox
from dicom_node.outbox.receipts import UNTOLD, Receipts, Unvouched
from dicom_node.outbox.reports import Reports
from dicom_node.outbox.withdraw import Withdrawals, Withdrawn

__all__ = [
    "UNTOLD",
    "Outbox",
    "Receipts",
    "Reports",
    "Unvouched",
    "Withdrawals",
    "Withdrawn",
]
