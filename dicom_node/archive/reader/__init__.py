"""Archived objects, opened: their elements, their frames, and themselves in another encoding.

What enters: the file of an instance and its transfer syntax. What leaves: values as JSON, frames as
they are or decoded, and the object in explicit little endian; none of it larger in memory than a
frame.
"""

from dicom_node.archive.reader.fragments import Fragments
from dicom_node.archive.reader.model import WIDTHS, model_of, swapped
from dicom_node.archive.reader.pixels import Pixels
from dicom_node.archive.reader.recode import recoded
from dicom_node.archive.reader.source import OBJECT_ERRORS, Scratch, Source, opened_source, vr_of

__all__ = [
    "OBJECT_ERRORS",
    "WIDTHS",
    "Fragments",
    "Pixels",
    "Scratch",
    "Source",
    "model_of",
    "opened_source",
    "recoded",
    "swapped",
    "vr_of",
]
