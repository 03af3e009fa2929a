"""WADO-RS: instances, their metadata, frames, bulk data and pictures (PS3.18 10.4).

What enters: the address of a study, a series or an instance, and what the client takes. What
leaves: the archived bytes, or what can be made of them without loss, piece by piece.
"""

from dicom_node.web.retrieve.routes import retrieve_routes

__all__ = ["retrieve_routes"]
