"""The addresses of STOW-RS (PS3.18 10.5.1)."""

from collections.abc import AsyncIterator, Iterator

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from dicom_node.tokens import Scope
from dicom_node.web.accept import DICOM, JSON, XML, Offer, chosen, parameters_of, wanted_by
from dicom_node.web.access import needs
from dicom_node.web.address import root_of, uids_of
from dicom_node.web.model import json_bytes, xml_bytes
from dicom_node.web.problem import Refused
from dicom_node.web.services import Served, Services
from dicom_node.web.store.answer import data_set_of, status_of
from dicom_node.web.store.parts import Arrived, Begun, Ended, Event, Splitter
from dicom_node.web.store.reception import Reception
from dicom_node.web.told import remote_of

__all__ = ["store_routes"]

_OFFERS = (Offer(JSON), Offer(XML))
_AT_ONCE = 2**20
_WANTED = 'Content-Type has to be multipart/related; type="application/dicom"; boundary=…'


def store_routes() -> APIRouter:
    """Return the addresses where one stores."""
    router = APIRouter(dependencies=[Depends(needs(Scope.WRITE))])
    for path in ("/studies", "/studies/{study}"):
        router.add_api_route(path, _store, methods=["POST"])
    return router


async def _store(request: Request, services: Served) -> Response:
    """Take all parts, and answer with what became of each."""
    offer = chosen(wanted_by(request), _OFFERS)
    study_uid = uids_of(request).get("StudyInstanceUID")
    reader = _reader(request)
    _check_length(request, services)
    await run_sync(services.archive.check_space)
    reception = Reception(services, remote_of(request), study_uid)
    whole = False
    try:
        async for content in _in_pieces(request):
            await run_sync(_take, reception, reader, content)
        await run_sync(_take_end, reception, reader)
        whole = True
    except ClientDisconnect:
        return Response(status_code=400)  # nobody is there to read it
    finally:
        await run_sync(_close, reception, whole)
    return _answer(request, services, reception, offer)


class _Whole:
    """Reads a body that is one instance, as :class:`Splitter` reads one of many."""

    def __init__(self) -> None:
        self.is_over = False
        self._has_begun = False

    def feed(self, content: bytes) -> Iterator[Event]:
        """Yield what ``content`` brings; nothing at all is the end."""
        if not self._has_begun:
            self._has_begun = True
            yield Begun({})
        yield Arrived(content) if content else Ended()
        self.is_over = not content


def _reader(request: Request) -> Splitter | _Whole:
    kind, parameters = parameters_of(request.headers.get("content-type", ""))
    if kind == DICOM:
        return _Whole()
    inner = parameters_of(parameters.get("type", DICOM))[0]
    if kind != "multipart/related" or inner != DICOM:
        raise Refused(415, f"instances are taken as {DICOM} only: {_WANTED}")
    try:
        boundary = parameters.get("boundary", "")
        if not boundary:
            raise Refused(400, f"the boundary is missing: {_WANTED}")
        return Splitter(boundary)
    except ValueError as exc:
        raise Refused(400, "no parts can be told apart by this boundary") from exc


def _check_length(request: Request, services: Services) -> None:
    text = request.headers.get("content-length", "")
    most = services.settings.request_mb
    if text.isdigit() and int(text) > most * 2**20:
        raise Refused(413, f"the request is larger than {most} MB; send fewer instances at once")


async def _in_pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body in pieces that are worth a thread's while."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        waiting.append(chunk)
        size += len(chunk)
        if size >= _AT_ONCE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _take(reception: Reception, reader: Splitter | _Whole, content: bytes) -> None:
    for event in reader.feed(content):
        reception.take(event)


def _take_end(reception: Reception, reader: Splitter | _Whole) -> None:
    """End the body: one that has no last boundary was cut off."""
    if isinstance(reader, _Whole):
        _take(reception, reader, b"")
    elif not reader.is_over:
        reception.is_broken = True


def _close(reception: Reception, whole: bool) -> None:  # noqa: FBT001 - run_sync hands over by place
    reception.close(whole=whole)


def _answer(request: Request, services: Services, reception: Reception, offer: Offer) -> Response:
    verdicts, is_broken = reception.verdicts, reception.is_broken
    if not verdicts:
        raise Refused(400, "there is no whole part in the request; an instance a part is wanted")
    root = root_of(request, services.settings)
    status = status_of(verdicts, is_broken=is_broken)
    ds = data_set_of(verdicts, root, is_broken=is_broken)
    content = json_bytes(ds) if offer.kind == JSON else xml_bytes(ds)
    headers = {"Retry-After": "5"} if status == 503 else {}
    return Response(content, status, headers, media_type=offer.kind)
