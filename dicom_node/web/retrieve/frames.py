"""Frames: as they are compressed, or decoded to words in little endian (PS3.18 10.4.1.1.6)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dicom_node.archive.reader import Pixels
from dicom_node.errors import Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import wanted_by
from dicom_node.web.address import uids_of
from dicom_node.web.multipart import Part, multipart_answer
from dicom_node.web.problem import Refused
from dicom_node.web.retrieve.located import opened, the_one
from dicom_node.web.retrieve.ways import VIDEO, Way, way_of_frames, way_of_pixels
from dicom_node.web.services import Served, Services
from dicom_node.web.told import tell_part

__all__ = ["frames_answer", "numbers_in", "pixels_answer"]

_AS_ARCHIVED = "the instance comes as it is archived where Accept takes any transfer syntax"
_LIST = re.compile(r"[0-9]{1,9}(,[0-9]{1,9})*")


def frames_answer(request: Request, services: Served) -> Response:
    """Answer with the frames that the address lists, from 1 on, in the order of the list."""
    numbers = numbers_in(request.path_params["frames"])
    instance = the_one(services, uids_of(request))
    wanted = wanted_by(request)
    way = way_of_frames(wanted, instance.transfer_syntax_uid, alone=len(numbers) == 1)
    answer = _answer(way, _frames(services, instance, numbers, way))
    tell_part(request, services, instance, "frames")
    return answer


def pixels_answer(request: Request, services: Services, instance: Instance) -> Response:
    """Answer with all compressed pixels of an instance: a part each frame, or one stream."""
    syntax = instance.transfer_syntax_uid
    with opened(services, instance) as source:
        pixels = Pixels.of(source)
        is_framed = syntax not in VIDEO and pixels.fragments.are_frames()
        count = pixels.number_of_frames if is_framed else 0
    way = way_of_pixels(wanted_by(request), syntax, frames=count)
    contents = _frames(services, instance, (), way) if count else _stream(services, instance)
    return _answer(way, contents)


def _answer(way: Way, contents: Iterator[Iterator[bytes]]) -> Response:
    """Answer with contents, a part each; what cannot be given is refused while it still can be."""
    try:
        first = next(contents)
        begun = chain([next(first, b"")], first)
    except Unreadable as exc:
        hint = "transfer-syntax=* takes it as it is stored" if way.decoded else _AS_ARCHIVED
        raise Refused(406, f"{exc}; {hint}") from exc
    each: Iterable[Iterable[bytes]] = chain([begun], contents)
    if way.joined or not way.multipart:
        each = [chain.from_iterable(each)]
    if not way.multipart:
        return StreamingResponse(chain.from_iterable(each), media_type=way.part_kind)
    return multipart_answer(way.kind, (Part(way.part_kind, content) for content in each))


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


def _frames(
    services: Services, instance: Instance, numbers: Sequence[int], way: Way
) -> Iterator[Iterator[bytes]]:
    """Yield the frames, each in pieces, before the next one is taken; all where none are listed."""
    with opened(services, instance) as source:
        pixels = Pixels.of(source)
        count = pixels.number_of_frames
        if numbers and max(numbers) > count:
            raise Refused(404, f"the instance has {count} frames")
        for number in () if way.decoded else set(numbers):
            pixels.check(number - 1)
        for number in numbers or range(1, count + 1):
            yield _frame(services, pixels, number, way)


def _stream(services: Services, instance: Instance) -> Iterator[Iterator[bytes]]:
    """Yield the fragments as one content."""
    with opened(services, instance) as source:
        fragments = Pixels.of(source).fragments
        fragments.check()
        yield fragments.joined()


def _frame(services: Services, pixels: Pixels, number: int, way: Way) -> Iterator[bytes]:
    is_little = pixels.source.order == "<" and not pixels.is_encapsulated
    if not way.decoded or (is_little and pixels.frame_bits % 8 == 0):
        return pixels.stored(number - 1)
    most = services.settings.frame_mb * 2**20
    array, _ = pixels.decoded(number - 1, raw=False, most_bytes=most)
    if pixels.frame_bits % 8:  # frames of single bits begin with a whole byte here
        return iter((np.packbits(array.ravel() != 0, bitorder="little").tobytes(),))
    return iter((array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes(),))
