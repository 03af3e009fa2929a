"""Headers as they are kept with the rows: the JSON model of PS3.18 F, decoded once."""

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.values import convert_SQ

from dicom_node.archive.identity import inflated
from dicom_node.archive.part10 import skip_meta
from dicom_node.archive.query.attributes import Attribute, Level, kept_at
from dicom_node.archive.query.text import Charsets, encodings_of, texts_of
from dicom_node.dicom import PARSER_ERRORS

__all__ = [
    "CHARSET_KEY",
    "Header",
    "header_of_file",
    "number_of",
    "person_of",
    "read_header",
    "values_of",
]

Header = Mapping[str, Any]
"""Tag (eight hexadecimal digits) to ``{"vr": …, "Value": […]}``; what has no value is absent."""

CHARSET_KEY = "00080005"
"""Specific Character Set: kept with every header, so that an answer can be written in it."""
_CHARSET = int(CHARSET_KEY, 16)
_BINARY: Mapping[str, str] = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
_NUMBERS: Mapping[str, Callable[[str], int | float]] = {"IS": int, "DS": float}


def read_header(
    stream: BinaryIO, transfer_syntax_uid: str, levels: Iterable[Level]
) -> dict[Level, dict[str, Any]]:
    """Return what is kept of a data set for each of ``levels``; empty where it cannot be read.

    Parameters
    ----------
    stream : binary file
        At the start of a data set, file meta information behind it; read no further than needed.
    transfer_syntax_uid : str
        How it is encoded.
    """
    found: dict[Level, dict[str, Any]] = {level: {} for level in levels}
    wanted = {one.tag: one for level in found for one in kept_at(level)}
    order = "<" if transfer_syntax_uid != ExplicitVRBigEndian else ">"
    charsets: Charsets = ()
    for element in _elements(stream, transfer_syntax_uid, {_CHARSET, *wanted}):
        if int(element.tag) == _CHARSET:
            charsets = texts_of(_bytes(element), "CS", ())
            for header in found.values():
                header[CHARSET_KEY] = {"vr": "CS", "Value": list(charsets)}
            continue
        attribute = wanted[int(element.tag)]
        values = _values(element, attribute.vr, charsets, order)
        if values:
            found[attribute.level][attribute.key] = {"vr": attribute.vr, "Value": values}
    return found


def header_of_file(
    path: Path, transfer_syntax_uid: str, levels: Iterable[Level]
) -> dict[Level, dict[str, Any]]:
    """Return what is kept of a file of the archive.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb") as stream:
        skip_meta(stream)
        return read_header(stream, transfer_syntax_uid, levels)


def values_of(header: Header, attribute: Attribute) -> list[Any]:
    """Return the values of an attribute in ``header``; none where it has none."""
    return list(header.get(attribute.key, {}).get("Value", ()))


def _elements(
    stream: BinaryIO, transfer_syntax_uid: str, tags: set[int]
) -> Iterator[RawDataElement | DataElement]:
    """Yield the elements with these tags, as far as the data set can be read."""
    last = max(tags)

    def beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return int(tag) > last

    try:
        yield from data_element_generator(
            inflated(stream, transfer_syntax_uid),
            is_implicit_VR=transfer_syntax_uid == ImplicitVRLittleEndian,
            is_little_endian=transfer_syntax_uid != ExplicitVRBigEndian,
            stop_when=beyond,
            specific_tags=[BaseTag(tag) for tag in sorted(tags)],
        )
    except PARSER_ERRORS:
        return


def _bytes(element: RawDataElement | DataElement) -> bytes:
    return element.value if isinstance(element.value, bytes) else b""


def _values(
    element: RawDataElement | DataElement, vr: str, charsets: Charsets, order: str
) -> list[Any]:
    """Return values as the JSON model has them; what cannot be one is left out."""
    if vr == "SQ":
        return _items(element, charsets)
    content = _bytes(element)
    if vr in _BINARY:
        size = struct.calcsize(_BINARY[vr])
        count = len(content) // size
        return list(struct.unpack(f"{order}{count}{_BINARY[vr]}", content[: count * size]))
    texts = texts_of(content, vr, charsets)
    if vr == "PN":
        return [person_of(text) if text else None for text in texts]
    if vr in _NUMBERS:
        return [number_of(_NUMBERS[vr], text) for text in texts]
    return [text or None for text in texts]


def person_of(text: str) -> dict[str, str]:
    """Take a person's name apart (PS3.18 F.2.2, PS3.5 6.2)."""
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    return {group: value.strip(" ") for group, value in groups if value.strip(" ^")}


def number_of(kind: Callable[[str], int | float], text: str) -> int | float | str | None:
    """Return a number; what is written as none, or as none that JSON has, stays as it is."""
    try:
        number = kind(text) if text else None
    except ValueError:
        return text
    return number if number is None or math.isfinite(number) else text


def _items(element: RawDataElement | DataElement, charsets: Charsets) -> list[Any]:
    try:
        items: Any = element.value
        if isinstance(element, RawDataElement):  # of defined length: not taken apart yet
            encoding = (element.is_implicit_VR, element.is_little_endian, encodings_of(charsets))
            items = convert_SQ(_bytes(element), *encoding)
        return [_finite(one.to_json_dict()) for one in items or ()]
    except (*PARSER_ERRORS, UserWarning):
        return []


def _finite(value: Any) -> Any:
    """Return a part of the JSON model with its numbers that JSON does not have as texts.

    PostgreSQL would refuse to keep them, and a browser to read them.
    """
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)
