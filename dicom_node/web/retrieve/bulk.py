"""Bulk data: one value of an object, found by its path (PS3.18 10.4.1.1.5)."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dicom_node.archive.reader import WIDTHS, Fragments, Pixels, Source, swapped, vr_of
from dicom_node.dicom import PIXEL_TAGS
from dicom_node.errors import NotKnown, Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import OCTETS, Offer, chosen, wanted_by
from dicom_node.web.address import uids_of
from dicom_node.web.multipart import Part, multipart_answer
from dicom_node.web.problem import Refused
from dicom_node.web.retrieve.frames import pixels_answer
from dicom_node.web.retrieve.located import opened, the_one
from dicom_node.web.services import Served, Services
from dicom_node.web.told import tell_part

__all__ = ["bulk_answer"]

_PATH = re.compile(r"([0-9A-F]{8}/[0-9]{1,6}/){0,20}[0-9A-F]{8}")
_PIXELS = frozenset(f"{tag:08X}" for tag in PIXEL_TAGS)
_UNDEFINED = 0xFFFFFFFF
_OFFERS = (Offer(OCTETS), Offer(OCTETS, multipart=True))


def bulk_answer(request: Request, services: Served) -> Response:
    """Answer with the bytes of one value, words in little endian."""
    path = request.path_params["path"]
    if not _PATH.fullmatch(path):
        raise Refused(400, "the path of the value is none; tags and item numbers are wanted")
    instance = the_one(services, uids_of(request))
    if path in _PIXELS and _is_compressed(services, instance):
        answer = pixels_answer(request, services, instance)
        tell_part(request, services, instance, "bulk data")
        return answer
    offer = chosen(wanted_by(request), _OFFERS)
    pieces = _pieces(services, instance, path)
    try:
        begun = chain([next(pieces, b"")], pieces)
    except Unreadable as exc:
        raise NotKnown("the object has no such value, or it cannot be read") from exc
    tell_part(request, services, instance, "bulk data")
    if offer.multipart:
        return multipart_answer(OCTETS, [Part(OCTETS, begun)])
    return StreamingResponse(begun, media_type=OCTETS)


def _is_compressed(services: Services, instance: Instance) -> bool:
    try:
        with opened(services, instance) as source:
            return Pixels.of(source).is_encapsulated
    except Unreadable:
        return False


def _pieces(services: Services, instance: Instance, path: str) -> Iterator[bytes]:
    with opened(services, instance) as source:
        element, vr = _found(source, path)
        width = WIDTHS.get(vr, 1) if source.order == ">" else 1
        if element.value is not None or not element.length:
            yield swapped(element.value or b"", width)
            return
        if element.length == _UNDEFINED:  # encapsulated, as the pixels of an icon may be
            fragments = Fragments(source, element.value_tell, 1, None)
            fragments.check()
            yield from fragments.joined()
            return
        for piece in source.pieces(element.value_tell, element.length):
            yield swapped(piece, width)


def _found(source: Source, path: str) -> tuple[Any, str]:
    """Return the raw element at a path, with its value representation."""
    *above, tag = path.split("/")
    ds = source.dataset()
    for sequence, number in zip(above[::2], above[1::2], strict=True):
        key = int(sequence, 16)
        found: Any = ds.get_item(key, keep_deferred=True) if key in ds else None
        items = source.items(found) if found is not None and _is_sequence(found, ds) else ()
        if int(number) >= len(items):
            raise NotKnown("the object has no such value")
        ds = items[int(number)]
    key = int(tag, 16)
    element: Any = ds.get_item(key, keep_deferred=True) if key in ds else None
    if element is None or _is_sequence(element, ds):
        raise NotKnown("the object has no such value")
    return element, vr_of(element, ds)


def _is_sequence(element: Any, ds: Any) -> bool:
    return not element.is_raw or vr_of(element, ds) == "SQ"
