"""A data set in the JSON model of PS3.18 F, whatever its values are like.

pydicom writes that model too, but refuses values that break a rule, and warns of them by showing
them: what is archived is shown as it is, and no log learns of it.
"""

import base64
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from dicom_node.archive.query.header import number_of, person_of
from dicom_node.archive.query.text import UTF8, Charsets, texts_of
from dicom_node.archive.reader.source import OBJECT_ERRORS, Source, vr_of
from dicom_node.dicom import PIXEL_TAGS
from dicom_node.errors import Unreadable

__all__ = ["WIDTHS", "model_of", "swapped"]

_INLINE_MOST = 1024
_CHARSET = 0x00080005
_FIRST = 0x00080000
"""What is less belongs into no data set."""
_PADDING = 0xFFFCFFFC
_NUMBERS: Mapping[str, Callable[[str], int | float]] = {"IS": int, "DS": float}
_BINARY: Mapping[str, str] = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q",
                              "FL": "f", "FD": "d"}  # fmt: skip
WIDTHS: Mapping[str, int] = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_EXACT = 2**53
"""Beyond it whoever reads JSON may lose the last digits."""
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an element stands: tags and item numbers from the top, and how texts are written."""

    source: Source
    address: Callable[[str], str]
    path: tuple[str, ...] = ()
    charsets: Charsets = ()

    def of(self, *steps: str) -> str:
        """Return the address of a value below."""
        return self.address("/".join((*self.path, *steps)))


def model_of(source: Source, ds: Dataset, address: Callable[[str], str]) -> dict[str, Any]:
    """Return all elements of a data set.

    Pixels, and values that are long, are named by their address instead.

    Parameters
    ----------
    ds : Dataset
        As :meth:`Source.dataset` reads it.
    address : callable
        From the path of an element (``7FE00010``, ``00400260/0/00400275``: items count from 0) to
        where its value is to be had.
    """
    return _model(ds, _Place(source, address))


def _model(ds: Dataset, place: _Place) -> dict[str, Any]:
    charset = _raw(ds, _CHARSET)
    if charset is not None:
        charsets = texts_of(place.source.value(charset), "CS", ())
        place = _Place(place.source, place.address, place.path, charsets)
    found = {}
    for tag in sorted(int(tag) for tag in ds.keys()):  # noqa: SIM118 - iterating decodes
        if tag >= _FIRST and tag & 0xFFFF and tag != _PADDING:  # no group lengths
            key = f"{tag:08X}"
            found[key] = _element(ds, tag, place)
    if charset is not None:
        found[f"{_CHARSET:08X}"] = {"vr": "CS", "Value": [UTF8]}  # JSON is written in it
    return found


def _raw(ds: Dataset, tag: int) -> Any:
    element: Any = ds.get_item(tag, keep_deferred=True) if tag in ds else None
    return element if element is not None and element.is_raw else None


def _element(ds: Dataset, tag: int, place: _Place) -> dict[str, Any]:
    key, raw = f"{tag:08X}", _raw(ds, tag)
    if raw is None:  # a sequence of undefined length, taken apart while it was read
        return _sequence(ds.get_item(tag).value, key, place)
    vr = vr_of(raw, ds)
    try:
        if vr == "SQ":
            return _sequence(place.source.items(raw), key, place)
        if tag in PIXEL_TAGS or (raw.value is None and raw.length):
            return {"vr": vr, "BulkDataURI": place.of(key)}
        return _value(raw.value or b"", vr, key, place)
    except (
        *OBJECT_ERRORS,
        Unreadable,
    ):  # of a sequence that is none, or of a length that no value has
        return {"vr": vr}


def _sequence(items: Iterable[Dataset], key: str, place: _Place) -> dict[str, Any]:
    values = []
    for number, item in enumerate(items):
        path = (*place.path, key, str(number))
        if len(path) > 2 * _DEEPEST:
            break
        values.append(_model(item, _Place(place.source, place.address, path, place.charsets)))
    return {"vr": "SQ", "Value": values} if values else {"vr": "SQ"}


def _value(content: bytes, vr: str, key: str, place: _Place) -> dict[str, Any]:
    if vr in WIDTHS or vr in ("OB", "UN"):
        if len(content) > _INLINE_MOST:
            return {"vr": vr, "BulkDataURI": place.of(key)}
        little = swapped(content, WIDTHS.get(vr, 1)) if place.source.order == ">" else content
        inline = base64.b64encode(little).decode("ascii")
        return {"vr": vr, "InlineBinary": inline} if content else {"vr": vr}
    values = _values(content, vr, place)
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def _values(content: bytes, vr: str, place: _Place) -> list[Any]:
    if vr == "AT":
        return [f"{group:04X}{element:04X}" for group, element in _unpacked(content, "HH", place)]
    if vr in _BINARY:
        return [_plain(number) for (number,) in _unpacked(content, _BINARY[vr], place)]
    texts = texts_of(content, vr, place.charsets)
    if vr == "PN":
        return [person_of(text) if text else None for text in texts]
    if vr in _NUMBERS:
        return [number_of(_NUMBERS[vr], text) for text in texts]
    return [text or None for text in texts]


def _unpacked(content: bytes, form: str, place: _Place) -> Iterable[tuple[Any, ...]]:
    size = struct.calcsize(f"={form}")
    whole = content[: len(content) // size * size]
    return struct.iter_unpack(place.source.order + form, whole)


def _plain(number: Any) -> Any:
    """Return a number as JSON has it; a text where it would not come through."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "inf" if number > 0 else "-inf"
    is_exact = isinstance(number, float) or abs(number) <= _EXACT
    return number if is_exact else str(number)


def swapped(content: bytes, width: int) -> bytes:
    """Return words of ``width`` bytes in the other byte order."""
    if width == 1:
        return content
    found = bytearray(len(content) // width * width)
    for at in range(width):
        found[at::width] = content[width - 1 - at : len(found) : width]
    return bytes(found) + content[len(found) :]
