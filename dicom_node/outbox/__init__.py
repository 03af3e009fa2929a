"""What is on its way out: series, destinations, and which instance each has taken.

What enters: a finished series with the names of its destinations. What leaves: deliveries to who
claims them, and the word of how each instance was answered.
"""

from dicom_node.outbox.outbox import Outbox

__all__ = ["Outbox"]
