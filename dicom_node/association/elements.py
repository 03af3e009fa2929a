"""Values of the JSON model as elements of an answer: what is kept is shown, sound or not."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from dicom_node.dicom import PARSER_ERRORS

__all__ = ["add", "add_empty"]

_ODD = (*PARSER_ERRORS, UserWarning)
"""What pydicom raises of a value that its VR cannot have."""
_CHARSET = 0x00080005
_WRITTEN_NUMBERS, _REALS = frozenset({"DS", "IS"}), frozenset({"FL", "FD"})
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def add(ds: Dataset, tag: int, vr: str, values: Sequence[Any]) -> None:
    """Set an element of ``ds``; one that cannot be written is there and empty.

    A number that is none is written as it is kept, for whoever looks at it.

    Parameters
    ----------
    values : sequence
        As PS3.18 F.2 has them.
    """
    try:
        ds[tag] = _element(tag, vr, values)
    except _ODD:
        ds[tag] = DataElement(tag, vr, None)


def add_empty(ds: Dataset, tag: int) -> None:
    """Set an element without a value, whatever it is."""
    try:
        vr = dictionary_VR(tag).split(" ")[0]
    except KeyError:
        vr = "UN"
    add(ds, tag, vr, ())


def _element(tag: int, vr: str, values: Sequence[Any]) -> DataElement:
    if vr == "SQ":
        return _writable(DataElement(tag, vr, [_item(one) for one in values]))
    plain = [_plain(vr, value) for value in values]
    value = None if not plain else plain[0] if len(plain) == 1 else plain
    try:
        return DataElement(tag, vr, value, validation_mode=config.IGNORE)
    except _ODD:
        if vr not in _WRITTEN_NUMBERS:
            raise
    return _writable(DataElement(tag, vr, "\\".join(map(str, plain)), already_converted=True))


def _item(content: Mapping[str, Any]) -> Dataset:
    """Return an item of a sequence; its texts are in the character set of the whole answer."""
    ds = Dataset()
    for key, element in content.items():
        tag, vr = int(key, 16), element["vr"]
        if "InlineBinary" in element:
            ds[tag] = DataElement(tag, vr, b64decode(element["InlineBinary"]))
        elif tag != _CHARSET:
            add(ds, tag, vr, element.get("Value", ()))
    return ds


def _writable(element: DataElement) -> DataElement:
    """Return ``element``; what cannot be written is found out here, and not when it is sent."""
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_data_element(stream, element, ["utf_8"])
    return element


def _plain(vr: str, value: Any) -> Any:
    """Return a value as pydicom takes it."""
    if value is None:
        return ""
    if vr == "PN" and isinstance(value, Mapping):
        return "=".join(str(value.get(group, "")) for group in _GROUPS).rstrip("=")
    if vr == "AT":
        return int(value, 16)
    return float(value) if vr in _REALS else value
