"""Who and what is in the archive, by the attributes that people search by.

What enters: matching keys of a C-FIND or QIDO-RS, and headers of what arrives. What leaves: headers
of patients, studies, series and images, in the JSON model of PS3.18 F.
"""

from dicom_node.archive.query.attributes import ATTRIBUTES, Attribute, Level, attribute_at
from dicom_node.archive.query.condition import Condition
from dicom_node.archive.query.fill import HeaderFiller
from dicom_node.archive.query.find import Finder, Page, Query
from dicom_node.archive.query.header import CHARSET_KEY, Header, values_of
from dicom_node.archive.query.retrieve import Retriever, Selected
from dicom_node.archive.query.text import charsets_for, texts_of

__all__ = [
    "ATTRIBUTES",
    "CHARSET_KEY",
    "Attribute",
    "Condition",
    "Finder",
    "Header",
    "HeaderFiller",
    "Level",
    "Page",
    "Query",
    "Retriever",
    "Selected",
    "attribute_at",
    "charsets_for",
    "texts_of",
    "values_of",
]
