"""Asking over HTTP for a series that no rule has made: one address of our own, in JSON."""

from collections.abc import Mapping
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from dicom_node import jobs
from dicom_node.sections import Name
from dicom_node.tokens import Scope
from dicom_node.web.accept import parameters_of
from dicom_node.web.access import needs
from dicom_node.web.address import UID
from dicom_node.web.problem import Refused, problem_of
from dicom_node.web.services import Served
from engine.reason import Code

__all__ = ["request_routes"]

_LONGEST = 65_536
_WANTED = '{"study_uid": "…", "task": "…"}, and "destinations": ["…"] where it is to go elsewhere'


class _Asked(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    study_uid: Annotated[str, StringConstraints(pattern=f"^{UID}$")]
    task: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]{1,64}$")]
    destinations: Annotated[tuple[Name, ...], Field(max_length=100)] = ()


def request_routes() -> APIRouter:
    """Return the address where one asks."""
    router = APIRouter(dependencies=[Depends(needs(Scope.REQUEST))])
    router.add_api_route("/requests", _request, methods=["POST"])
    return router


async def _request(request: Request, services: Served) -> JSONResponse:
    """Answer 201 where a job is new, 200 where it was there, else say why it is not made."""
    if parameters_of(request.headers.get("content-type", ""))[0] != "application/json":
        raise Refused(415, f"a request is taken as application/json only: {_WANTED}")
    asked = _read(await _body(request))
    caller = str(request.scope.get("caller", ""))
    wanted = jobs.Request(asked.study_uid, asked.task, caller, "http", asked.destinations)
    told = await run_sync(services.asks, wanted)  # peers may be asked, which takes its time
    if told["granted"]:
        return JSONResponse(dict(told), 201 if told["new"] else 200)
    return _refusal(told)


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > _LONGEST:
            raise Refused(413, f"a request has no more than {_LONGEST} bytes: {_WANTED}")
    return bytes(found)


def _read(body: bytes) -> _Asked:
    try:
        return _Asked.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"] if part in _Asked.model_fields)
        seen = f"{where or 'the request'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Refused(400, f"{seen}; wanted is {_WANTED}") from exc


def _refusal(told: Mapping[str, Any]) -> JSONResponse:
    codes = {one["code"] for one in told["reasons"]}
    status = 404 if Code.STUDY_UNKNOWN in codes else 409
    detail = "; ".join(f"{one['code']}: {one['text']}" for one in told["reasons"])
    return problem_of(status, detail, told)
