"""The addresses of QIDO-RS: each level, on its own and within those above (PS3.18 10.6.1)."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request, Response

from dicom_node.archive.query import Level, Page
from dicom_node.audit import Outcome
from dicom_node.errors import DatabaseAway, QueryInvalid
from dicom_node.tokens import Scope
from dicom_node.web.accept import JSON, XML, Offer, chosen, wanted_by
from dicom_node.web.access import needs
from dicom_node.web.address import root_of, uids_of
from dicom_node.web.model import json_answer, xml_answer
from dicom_node.web.problem import Refused
from dicom_node.web.search.answer import answer_of
from dicom_node.web.search.parameters import Asked, read_query
from dicom_node.web.services import Served, Services
from dicom_node.web.told import tell_query

__all__ = ["search_routes"]

_OFFERS = (Offer(JSON), Offer(XML, multipart=True))
_PATHS: Sequence[tuple[str, Level]] = (
    ("/studies", Level.STUDY),
    ("/series", Level.SERIES),
    ("/instances", Level.IMAGE),
    ("/studies/{study}/series", Level.SERIES),
    ("/studies/{study}/instances", Level.IMAGE),
    ("/studies/{study}/series/{series}/instances", Level.IMAGE),
)


def search_routes() -> APIRouter:
    """Return the addresses where one searches."""
    router = APIRouter(dependencies=[Depends(needs(Scope.READ))])
    endpoints = {Level.STUDY: _studies, Level.SERIES: _series, Level.IMAGE: _instances}
    for path, level in _PATHS:
        router.add_api_route(path, endpoints[level], methods=["GET"])
    return router


def _studies(request: Request, services: Served) -> Response:
    return _search(Level.STUDY, request, services)


def _series(request: Request, services: Served) -> Response:
    return _search(Level.SERIES, request, services)


def _instances(request: Request, services: Served) -> Response:
    return _search(Level.IMAGE, request, services)


def _search(level: Level, request: Request, services: Services) -> Response:
    try:
        offer = chosen(wanted_by(request), _OFFERS)
        within = uids_of(request)
        items = request.query_params.multi_items()
        asked = read_query(level, within, items, services.settings.answers)
    except (Refused, QueryInvalid):
        tell_query(request, services, Outcome.MINOR)
        raise
    tell_query(request, services, Outcome.SUCCESS)
    page = _page(request, services, asked)
    root = root_of(request, services.settings)
    answers = [answer_of(header, asked, root) for header in page.headers]
    if not answers:
        response = Response(status_code=204)
    else:
        response = json_answer(answers) if offer.kind == JSON else xml_answer(answers)
    warnings = [*asked.warnings]
    if page.remaining != 0:
        count = "more" if page.remaining is None else f"{page.remaining} more"
        warnings.append(f"there are {count} results; ask for them with offset")
    for text in warnings:
        response.headers.append("Warning", f'299 dicom-node "{text}"')
    return response


def _page(request: Request, services: Services, asked: Asked) -> Page:
    try:
        return services.finder.page(asked.query, asked.offset, asked.limit)
    except DatabaseAway:
        tell_query(request, services, Outcome.SERIOUS)
        raise
