"""Frames: as they are compressed, or decoded to words in little endian (PS3.18 10.4.1.1.6)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

import numpy as np
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node.archive.reader import Pixels
from dicom_node.errors import Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import ANY, OCTETS, Wanted, wanted_by
from dicom_node.web.address import uids_of
from dicom_node.web.multipart import Part, multipart_answer
from dicom_node.web.problem import Refused
from dicom_node.web.retrieve.located import opened, the_one
from dicom_node.web.services import Served, Services
from dicom_node.web.told import tell_part

__all__ = ["frames_answer", "numbers_in", "pixels_answer"]

_LIST = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")
_KIND_OF: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
"""Media types of compressed frames (PS3.18 8.7.3.3)."""
_NATIVE = str(ExplicitVRLittleEndian)


@dataclass(frozen=True, slots=True)
class _Way:
    """How frames are given: media type, encoding, and whether it takes decoding."""

    kind: str
    syntax: str
    decoded: bool
    multipart: bool

    @property
    def part_kind(self) -> str:
        """Media type of one frame, with its encoding."""
        return f"{self.kind}; transfer-syntax={self.syntax}"


def frames_answer(request: Request, services: Served) -> Response:
    """Answer with the frames that the address lists, from 1 on."""
    numbers = numbers_in(request.path_params["frames"])
    instance = the_one(services, uids_of(request))
    way = _way(wanted_by(request), instance.transfer_syntax_uid, alone=len(numbers) == 1)
    answer = _answer(services, instance, numbers, way)
    tell_part(request, services, instance, "frames")
    return answer


def pixels_answer(services: Services, instance: Instance) -> Response:
    """Answer with all frames of an instance as they are compressed."""
    syntax = instance.transfer_syntax_uid
    way = _Way(_KIND_OF.get(syntax, OCTETS), syntax, decoded=False, multipart=True)
    return _answer(services, instance, (), way)


def _answer(services: Services, instance: Instance, numbers: Sequence[int], way: _Way) -> Response:
    pieces = _pieces(services, instance, numbers, way)
    try:  # what cannot be given is refused while it still can be
        begun = chain([next(pieces)], pieces)
    except Unreadable as exc:
        raise Refused(406, f"{exc}; transfer-syntax=* takes it as it is stored") from exc
    if not way.multipart:
        return StreamingResponse((piece for _, piece in begun), media_type=way.part_kind)
    parts = (
        Part(way.part_kind, (piece for _, piece in frame))
        for _, frame in groupby(begun, key=itemgetter(0))
    )
    return multipart_answer(way.kind, parts)


def numbers_in(text: str) -> list[int]:
    """Return the frames of a list such as ``1,3,4``.

    Raises
    ------
    Refused
        With 400 where it is none.
    """
    if not _LIST.fullmatch(text) or 0 in (numbers := [int(part) for part in text.split(",")]):
        raise Refused(400, "the list of frames is none; numbers from 1 on, as in 1,3,4, are wanted")
    return numbers


def _way(wanted: Sequence[Wanted], syntax: str, *, alone: bool) -> _Way:
    """Return how to give frames that are stored in ``syntax``, as the client likes best."""
    stored = _KIND_OF.get(syntax, OCTETS) if UID(syntax).is_encapsulated else ""
    for one in wanted:
        multipart = one.multipart is not False
        if not multipart and not alone:
            continue
        if one.takes(OCTETS, multipart=multipart):
            if stored and one.syntax in (ANY, syntax):
                return _Way(OCTETS, syntax, decoded=False, multipart=multipart)
            if one.syntax in ("", ANY, _NATIVE):
                return _Way(OCTETS, _NATIVE, decoded=True, multipart=multipart)
        elif stored and one.takes(stored, multipart=multipart) and one.syntax in ("", ANY, syntax):
            return _Way(stored, syntax, decoded=False, multipart=multipart)
    name = UID(syntax).name
    raise Refused(
        406,
        f"the frames are stored in {name}; {OCTETS}, with transfer-syntax=* for as they are, takes "
        "them, several in parts",
    )


def _pieces(
    services: Services, instance: Instance, numbers: Sequence[int], way: _Way
) -> Iterator[tuple[int, bytes]]:
    """Yield the frames piece by piece, each with its number; all where none are listed."""
    with opened(services, instance) as source:
        pixels = Pixels.of(source)
        count = pixels.number_of_frames
        if numbers and max(numbers) > count:
            raise Refused(404, f"the instance has {count} frames")
        for number in numbers or range(1, count + 1):
            for piece in _frame(services, pixels, number, way):
                yield number, piece


def _frame(services: Services, pixels: Pixels, number: int, way: _Way) -> Iterator[bytes]:
    is_little = pixels.source.order == "<" and not pixels.is_encapsulated
    if not way.decoded or (is_little and pixels.frame_bits % 8 == 0):
        return pixels.stored(number - 1)
    most = services.settings.frame_mb * 2**20
    array, _ = pixels.decoded(number - 1, raw=False, most_bytes=most)
    if pixels.frame_bits % 8:  # frames of single bits begin with a whole byte here
        return iter((np.packbits(array.ravel() != 0, bitorder="little").tobytes(),))
    return iter((array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(),))
