"""Data sets to bytes: Explicit VR Little Endian, as they are kept and sent."""

from io import BytesIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node.dicom import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.errors import OutputInvalid
from dicom_node.results.charset import CHARACTER_SET, UTF8, needs_utf8
from dicom_node.results.copy import strict

__all__ = ["encode"]

_WRITER_ERRORS = (AttributeError, TypeError, UnicodeError, ValueError)
"""pydicom raises a TypeError where it wraps a UnicodeEncodeError with the tag."""


def encode(ds: Dataset) -> bytes:
    """Return ``ds`` as a Part 10 file.

    The source's character set is kept where it can write every value; otherwise, and where none is
    declared and the text is not ASCII, the whole object is written in UTF-8.

    Raises
    ------
    OutputInvalid
        When a value can be written in neither.
    """
    if needs_utf8(ds):
        setattr(ds, CHARACTER_SET, UTF8)
    try:
        return _written(ds)
    except _WRITER_ERRORS:
        setattr(ds, CHARACTER_SET, UTF8)
    try:
        return _written(ds)
    except _WRITER_ERRORS as exc:
        raise OutputInvalid(f"the result cannot be encoded: {exc}") from exc


def _written(ds: Dataset) -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    ds.file_meta = meta
    buffer = BytesIO()
    with strict():
        dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
