"""The file as it will leave: read back, with nothing before, between or after its elements."""

from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from struct import Struct

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STANDARD_VR

from dicom_node.dicom import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    PARSER_ERRORS,
)
from dicom_node.errors import OutputInvalid
from dicom_node.results.check.wanted import exactly, faults_of_item, name_of

__all__ = ["Raw", "decode", "faults_of_file", "measure", "raw_of", "read"]

Raw = tuple[str, bytes]
"""VR and value of an element as it was encoded."""
_UNREADABLE = (*PARSER_ERRORS, LookupError)

_HEAD = Struct("<HH2sH")
"""Tag, VR and length of an element (PS3.5 7.1.2); a longer length follows."""
_PREAMBLE = 132
_ITEM = b"\xfe\xff\x00\xe0"
_SHORT, _LONG = 8, 12
"""Bytes before a value."""
_BEFORE_META = 144
"""Preamble, DICM, and the element that says how long the rest of the File Meta Information is."""


def read(content: bytes) -> Dataset:
    """Return a data set whose elements stand as they were encoded.

    Raises
    ------
    OutputInvalid
        When it cannot be read.
    """
    try:
        ds = dcmread(BytesIO(content))
        for _ in ds.file_meta:
            pass
    except _UNREADABLE as exc:
        raise OutputInvalid(f"it cannot be read back: {exc}") from exc
    return ds


def raw_of(content: bytes) -> dict[BaseTag, Raw]:
    """Return the elements of a file as they were encoded, those of File Meta Information aside.

    Raises
    ------
    OutputInvalid
        When they do not follow one another by rising tag, each as long as it says, to the last
        byte (PS3.5 7.1).
    """
    _elements(content[_PREAMBLE : _end_of_meta(content)], 0)
    return _elements(content, _end_of_meta(content))


def _elements(content: bytes, at: int) -> dict[BaseTag, Raw]:
    found, last = dict[BaseTag, Raw](), BaseTag(0)
    while at < len(content):
        tag, vr, start, length = _head(content, at)
        at = start + length
        if tag <= last or at > len(content):
            raise OutputInvalid(f"{name_of(tag)} stands in a wrong place, or is longer than it may")
        found[tag], last = (vr, content[start:at]), tag
    return found


def _head(content: bytes, at: int) -> tuple[BaseTag, str, int, int]:
    """Return tag, VR, where the value starts, and how long it is."""
    if len(content) - at < _SHORT:
        raise OutputInvalid(f"there are {len(content) - at} bytes after its last element")
    group, element, vr, length = _HEAD.unpack_from(content, at)
    tag, name = BaseTag(group << 16 | element), vr.decode("ascii", "replace")
    if name not in STANDARD_VR:  # pydicom reads it by the dictionary, others need not
        raise OutputInvalid(f"{name_of(tag)} is written as {name!r}, which is no VR")
    if name not in EXPLICIT_VR_LENGTH_32:
        return tag, name, at + _SHORT, length
    if length:
        raise OutputInvalid(f"{name_of(tag)} has {length} where nothing may stand")
    return tag, name, at + _LONG, int.from_bytes(content[at + _SHORT : at + _LONG], "little")


def _end_of_meta(content: bytes) -> int:
    return _BEFORE_META + int.from_bytes(content[_BEFORE_META - 4 : _BEFORE_META], "little")


def measure(content: bytes) -> None:
    """Hold each item of a sequence, and each element in it, to the length that it says.

    Raises
    ------
    OutputInvalid
        When one is longer or shorter than what is there (PS3.5 7.5).
    """
    at = 0
    while at < len(content):
        length = int.from_bytes(content[at + 4 : at + _SHORT], "little")
        inside = content[at + _SHORT : at + _SHORT + length]
        if content[at : at + 4] != _ITEM or len(inside) != length:
            raise OutputInvalid("an item of a sequence is not as long as it says")
        for tag, (vr, value) in _elements(inside, 0).items():
            if vr == "UN":
                raise OutputInvalid(f"{name_of(tag)} is written as UN, in a sequence")
            if vr == "SQ":
                measure(value)
        at += _SHORT + length


def decode(ds: Dataset, tags: Iterable[BaseTag]) -> None:
    """Decode elements of a data set, with all that is in them.

    Raises
    ------
    OutputInvalid
        When one cannot be read.
    """
    try:
        for tag in tags:
            element = ds[tag]
            for item in element.value if element.VR == "SQ" else ():
                for _ in item.iterall():
                    pass
    except _UNREADABLE as exc:
        raise OutputInvalid(f"{name_of(tag)} cannot be read back: {exc}") from exc


def faults_of_file(content: bytes, ds: Dataset, raw: Mapping[BaseTag, Raw]) -> Iterator[str]:
    """Yield what is wrong with the file around the elements (PS3.10 7.1).

    Parameters
    ----------
    content : bytes
        The whole file.
    ds : Dataset
        What :func:`read` made of it.
    raw : mapping
        Its elements, from :func:`raw_of`.
    """
    if content[:128] != bytes(128):
        yield "the preamble is not empty"
    meta = {
        "FileMetaInformationGroupLength": exactly(_end_of_meta(content) - _BEFORE_META),
        "FileMetaInformationVersion": exactly(b"\0\1"),
        "MediaStorageSOPClassUID": exactly(_uid(raw, "SOPClassUID")),
        "MediaStorageSOPInstanceUID": exactly(_uid(raw, "SOPInstanceUID")),
        "TransferSyntaxUID": exactly(str(ExplicitVRLittleEndian)),
        "ImplementationClassUID": exactly(IMPLEMENTATION_CLASS_UID),
        "ImplementationVersionName": exactly(IMPLEMENTATION_VERSION_NAME),
    }
    yield from faults_of_item(ds.file_meta, meta, "file meta: ", signed=False)


def _uid(raw: Mapping[BaseTag, Raw], keyword: str) -> str:
    return raw.get(Tag(keyword), ("UI", b""))[1].rstrip(b"\0").decode("ascii", "replace")
