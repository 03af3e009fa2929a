"""What is drawn from other archives to learn from: kept apart, and each object but once.

What enters: objects as they came, of series that are being drawn. What leaves: series as files, for
who chooses what may teach. No query, rule, delivery or retention reads any of it.
"""

from dicom_node.draws.store import Drawn, DrawState

__all__ = ["DrawState", "Drawn"]
