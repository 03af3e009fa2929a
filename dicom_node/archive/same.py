"""Whether two files hold the same object in different bytes."""

from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.archive.identity import PARSER_ERRORS

__all__ = ["same_content"]

_COMPARABLE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


def same_content(first: Path, second: bytes) -> bool:
    """Return whether a file and the content of another hold equal data sets.

    Of two encodings only the native little endian ones are compared: between others pixel bytes
    differ for the same image, and deciding that would need a decoder in the listener. What cannot
    be read is not the same.
    """
    try:
        one, other = dcmread(first), dcmread(BytesIO(second))
        syntaxes = {one.file_meta.TransferSyntaxUID, other.file_meta.TransferSyntaxUID}
        return (len(syntaxes) == 1 or syntaxes <= set(_COMPARABLE)) and _equal(one, other)
    except PARSER_ERRORS:
        return False


def _equal(one: Dataset, other: Dataset) -> bool:
    """Compare all elements but group lengths, which count bytes."""
    tags = _tags(one)
    return tags == _tags(other) and all(_same_value(one, other, tag) for tag in tags)


def _tags(ds: Dataset) -> list[BaseTag]:
    return sorted(tag for tag in ds.keys() if tag.element)  # noqa: SIM118 - iterating decodes


def _same_value(one: Dataset, other: Dataset, tag: BaseTag) -> bool:
    """Compare bytes first: implicit encoding does not tell what a private element is."""
    first, second = (ds.get_item(tag, keep_deferred=True) for ds in (one, other))
    if first.is_raw and second.is_raw and (first.value or b"") == (second.value or b""):
        return True
    if one[tag].VR == other[tag].VR == "SQ":
        items = list(one[tag].value), list(other[tag].value)
        return len(items[0]) == len(items[1]) and all(map(_equal, *items))
    return bool(one[tag] == other[tag])
