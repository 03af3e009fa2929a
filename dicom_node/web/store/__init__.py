"""STOW-RS: instances come in, each judged by itself (PS3.18 10.5).

What enters: a request of many parts, of any size. What leaves: kept instances, and for each part
the word of what became of it.
"""

from dicom_node.web.store.routes import store_routes

__all__ = ["store_routes"]
