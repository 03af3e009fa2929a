"""Whether the node is well, and what it measures: for who watches.

What enters: checks and figures. What leaves: answers to probes, and text that Prometheus reads.
"""

from dicom_node.web.health.prometheus import exposition
from dicom_node.web.health.routes import health_routes

__all__ = ["exposition", "health_routes"]
