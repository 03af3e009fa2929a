"""Answers in the DICOM JSON model (PS3.18 F) and in the Native DICOM Model (PS3.19 A.1)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from fastapi.responses import Response, StreamingResponse
from pydicom.datadict import keyword_for_tag

from dicom_node.web.accept import JSON, XML
from dicom_node.web.multipart import Part, multipart_answer

__all__ = ["json_answer", "json_bytes", "json_stream", "xml_answer", "xml_bytes"]

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_NO_XML = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if code not in (9, 10, 13)}
"""Letters that XML 1.0 does not have."""


def json_bytes(value: Any) -> bytes:
    """Return JSON in UTF-8; what is no number in JSON is a bug of whoever made it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def json_answer(datasets: Iterable[Mapping[str, Any]], status: int = 200) -> Response:
    """Return data sets as one array."""
    return Response(json_bytes(list(datasets)), status, media_type=JSON)


def json_stream(datasets: Iterator[Mapping[str, Any]]) -> Response:
    """Return an array whose data sets are made one by one, as they are taken."""

    def pieces() -> Iterator[bytes]:
        before = b"["
        for ds in datasets:
            yield before + json_bytes(ds)
            before = b","
        yield b"]" if before == b"," else b"[]"

    return StreamingResponse(pieces(), media_type=JSON)


def xml_answer(datasets: Iterable[Mapping[str, Any]]) -> Response:
    """Return a part of XML for each data set."""
    return multipart_answer(XML, (Part(XML, (xml_bytes(ds),)) for ds in datasets))


def xml_bytes(ds: Mapping[str, Any]) -> bytes:
    """Return one data set of the JSON model as XML."""
    root = ElementTree.Element("NativeDicomModel", {"xml:space": "preserve"})
    _add(root, ds)
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def _add(parent: ElementTree.Element, ds: Mapping[str, Any]) -> None:
    for key, element in ds.items():
        names = {"tag": key, "vr": element["vr"]}
        if keyword := keyword_for_tag(int(key, 16)):
            names["keyword"] = keyword
        node = ElementTree.SubElement(parent, "DicomAttribute", names)
        if "BulkDataURI" in element:
            ElementTree.SubElement(node, "BulkData", {"uri": element["BulkDataURI"]})
        elif "InlineBinary" in element:
            ElementTree.SubElement(node, "InlineBinary").text = element["InlineBinary"]
        for number, value in enumerate(element.get("Value", ()), start=1):
            _add_value(node, element["vr"], str(number), value)


def _add_value(node: ElementTree.Element, vr: str, number: str, value: Any) -> None:
    if vr == "SQ":
        _add(ElementTree.SubElement(node, "Item", {"number": number}), value)
    elif vr == "PN" and isinstance(value, Mapping):
        name = ElementTree.SubElement(node, "PersonName", {"number": number})
        for group in _GROUPS:
            if text := value.get(group):
                _add_name(ElementTree.SubElement(name, group), text)
    elif value is not None:
        child = ElementTree.SubElement(node, "Value", {"number": number})
        child.text = str(value).translate(_NO_XML)


def _add_name(node: ElementTree.Element, text: str) -> None:
    for component, part in zip(_COMPONENTS, text.split("^"), strict=False):
        if part:
            ElementTree.SubElement(node, component).text = part.translate(_NO_XML)
