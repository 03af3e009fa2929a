"""DICOMweb, health and metrics over HTTP (PS3.18), in a process of its own.

What enters: requests of clients with a token. What leaves: what the archive holds, and into it what
they send; whether the node is well, and what it measures.
"""

from dicom_node.web.app import web_app
from dicom_node.web.server import WebServer
from dicom_node.web.services import Check, Figure, Services

__all__ = ["Check", "Figure", "Services", "WebServer", "web_app"]
