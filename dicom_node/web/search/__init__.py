"""QIDO-RS: studies, series and instances by what they are searched by (PS3.18 10.6).

What enters: a query string. What leaves: a page of answers, as JSON or as XML.
"""

from dicom_node.web.search.routes import search_routes

__all__ = ["search_routes"]
