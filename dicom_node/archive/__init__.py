"""Everything that was ever received or made: files on disk, rows in the database.

What enters: encoded data sets with who sent them. What leaves: a promise that they are kept, the
files of a series, and where each study stands.
"""

from dicom_node.archive.associations import Associations
from dicom_node.archive.files import INCOMING, Files
from dicom_node.archive.held import Held, MadePixels, MadeSeries, content_of, content_of_objects
from dicom_node.archive.identity import Identity, identify
from dicom_node.archive.index import Entry, Outcome
from dicom_node.archive.keep import Archive, Kept, Received
from dicom_node.archive.part10 import meta_header, read_part10
from dicom_node.archive.space import Space
from dicom_node.archive.studies import SeriesFacts, Studies, Waiting

__all__ = [
    "INCOMING",
    "Archive",
    "Associations",
    "Entry",
    "Files",
    "Held",
    "Identity",
    "Kept",
    "MadePixels",
    "MadeSeries",
    "Outcome",
    "Received",
    "SeriesFacts",
    "Space",
    "Studies",
    "Waiting",
    "content_of",
    "content_of_objects",
    "identify",
    "meta_header",
    "read_part10",
]
