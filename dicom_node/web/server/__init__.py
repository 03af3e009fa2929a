"""The HTTP server: who connects is let in, secured and timed before anything is answered.

What enters: connections. What leaves: requests to the application; of who was not let in, a word to
the log and to the audit trail.
"""

from dicom_node.web.server.server import WebServer

__all__ = ["WebServer"]
