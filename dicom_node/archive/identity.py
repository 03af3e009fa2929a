"""Who an object is: four UIDs and its number, read from its bytes without decoding the rest."""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.content import HEADER_MOST
from dicom_node.dicom import PARSER_ERRORS
from dicom_node.errors import NotDicom
from dicom_node.extent import LONG_VRS

__all__ = ["Identity", "identify", "inflated"]

_WANTED = {
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
}
_READ = {**_WANTED, 0x00200013: "InstanceNumber"}
_NUMBER, _LAST = "InstanceNumber", 0x00200013
_LONGEST = 64  # PS3.5 6.2: a UI value
_LARGEST_IS = 2**31 - 1
_UNDEFINED = 0xFFFFFFFF
_SHORT, _LONG = struct.Struct("<HH2sH"), struct.Struct("<I")  # heads of elements (PS3.5 7.1)


@dataclass(frozen=True, slots=True)
class Identity:
    """The UIDs by which an object is filed. Text from the wire: never part of a path.

    Parameters
    ----------
    number : int or None
        Instance Number (0020,0013), where it has one that a database keeps.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    number: int | None = None


def identify(content: bytes, transfer_syntax_uid: str) -> Identity:
    """Return who the encoded data set ``content`` is.

    Parameters
    ----------
    content : bytes
        A data set without file meta information.
    transfer_syntax_uid : str
        How it is encoded; one that is not known is taken for explicit little endian (PS3.5 A.4).

    Raises
    ------
    NotDicom
        When it cannot be parsed as far as (0020,0013), or one of the UIDs is absent or no text
        that a database keeps.
    """
    _check("TransferSyntaxUID", transfer_syntax_uid)
    try:
        found = _find(content, transfer_syntax_uid)
    except PARSER_ERRORS as exc:
        raise NotDicom(f"the data set cannot be parsed: {type(exc).__name__}: {exc}") from exc
    for keyword in _WANTED.values():
        _check(keyword, found.get(keyword, ""))
    return Identity(
        sop_class_uid=found["SOPClassUID"],
        sop_instance_uid=found["SOPInstanceUID"],
        study_uid=found["StudyInstanceUID"],
        series_uid=found["SeriesInstanceUID"],
        number=_number(found.get(_NUMBER, "")),
    )


def _number(text: str) -> int | None:
    """Return an IS (PS3.5 6.2: up to 2^31); None for what is none."""
    try:
        number = int(text)
    except ValueError:
        return None
    return number if abs(number) <= _LARGEST_IS else None


def _check(keyword: str, value: str) -> None:
    """Refuse what cannot be kept; a UID that only breaks the grammar of UIDs is as good as any."""
    if not value:
        raise NotDicom(f"the data set has no {keyword}; it cannot be filed")
    if len(value) > _LONGEST:
        raise NotDicom(f"{keyword} has {len(value)} characters; a UID has at most {_LONGEST}")
    if not (value.isascii() and value.isprintable()):
        raise NotDicom(f"{keyword} has characters that no UID has; it cannot be filed")


def _find(content: bytes, transfer_syntax_uid: str) -> dict[str, str]:
    """Return the wanted values; the quick scan first, pydicom for what that leaves aside."""
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        content = inflated(BytesIO(content), transfer_syntax_uid).read()
    if transfer_syntax_uid == ExplicitVRBigEndian:
        return _walk(content, implicit=False, little=False)
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    return _scan(content, implicit=implicit) or _walk(content, implicit=implicit, little=True)


def inflated(stream: BinaryIO, transfer_syntax_uid: str) -> BinaryIO:
    """Return a data set as far as its header goes, inflated where it was deflated (PS3.5 A.5)."""
    if transfer_syntax_uid != DeflatedExplicitVRLittleEndian:
        return stream
    content = stream.read(HEADER_MOST)
    return BytesIO(zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, HEADER_MOST))


def _scan(content: bytes, *, implicit: bool) -> dict[str, str] | None:
    """Hop from element to element in little endian; None where that takes a real parser.

    It runs once per received image, so it is plain: elements of defined length only, ten times as
    quick as walking them one by one.
    """
    found: dict[str, str] = {}
    at, end = 0, len(content)
    while at + 8 <= end:
        group, element, vr, length = _SHORT.unpack_from(content, at)
        tag = group << 16 | element
        if tag > _LAST:
            break
        at += 8
        if implicit:
            (length,) = _LONG.unpack_from(content, at - 4)
        elif vr in LONG_VRS:
            (length,) = _LONG.unpack_from(content, at)
            at += 4
        if length == _UNDEFINED or at + length > end:
            return None
        if tag in _READ:
            found[_READ[tag]] = _text(content[at : at + length])
        at += length
    return found


def _walk(content: bytes, *, implicit: bool, little: bool) -> dict[str, str]:
    """Let pydicom walk the elements up to the series."""
    elements = data_element_generator(
        BytesIO(content),
        is_implicit_VR=implicit,
        is_little_endian=little,
        stop_when=_beyond,
        specific_tags=[BaseTag(tag) for tag in _READ],
    )
    found = {}
    for element in elements:
        keyword = _READ.get(int(element.tag))
        if keyword and isinstance(element, RawDataElement) and isinstance(element.value, bytes):
            if len(element.value) < element.length:
                raise EOFError(f"it ends within {keyword}")
            found[keyword] = _text(element.value)
    return found


def _beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _LAST


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")
