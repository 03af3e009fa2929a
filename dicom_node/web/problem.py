"""Errors as problem texts (RFC 9457): what was seen, what was wanted, what to do; no patient."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from dicom_node import log
from dicom_node.errors import (
    ArchiveBroken,
    ArchiveFull,
    DatabaseAway,
    NodeError,
    NotKnown,
    QueryInvalid,
)

__all__ = ["HANDLERS", "Refused", "problem", "problem_of", "template_of"]

_log = log.get("web")
_LATER = {"Retry-After": "5"}
_PROBLEM = "application/problem+json"
_STATUS_OF: Mapping[type[Exception], int] = {
    NotKnown: 404,
    QueryInvalid: 400,
    ArchiveFull: 503,
    ArchiveBroken: 503,
    DatabaseAway: 503,
}
"""What has no status here is our mistake: 500."""


class Refused(NodeError):
    """A request that is not served.

    Parameters
    ----------
    status : int
        Of HTTP.
    detail : str
        One sentence: what was seen, what was wanted, what to do.
    headers : mapping
        That belong to the status.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = dict(headers or {})


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return an answer that says what is wrong."""
    body = _body(status, detail)
    return JSONResponse(body, status, headers=headers, media_type=_PROBLEM)


def problem_of(status: int, detail: str, more: Mapping[str, Any]) -> JSONResponse:
    """Return an answer that says what is wrong, and for a program ``more`` of it."""
    return JSONResponse({**more, **_body(status, detail)}, status, media_type=_PROBLEM)


def _body(status: int, detail: str) -> dict[str, Any]:
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}


async def _on_refused(_request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, Refused):  # cannot be: it is registered for no other
        return problem(500, _BUG)
    return problem(exc.status, str(exc), exc.headers)


async def _on_node_error(request: Request, exc: Exception) -> JSONResponse:
    """Say what is wrong with the request; of what is wrong with us only that it is."""
    status = _STATUS_OF.get(type(exc), 500)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return problem(status, str(exc))
    _log.warning("request failed", path=template_of(request.scope), status=status, why=str(exc))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return problem(status, _NOT_NOW, _LATER)
    return problem(status, _BUG)


async def _on_http(_request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, HTTPException):
        return problem(500, _BUG)
    return problem(exc.status_code, _WORDS.get(exc.status_code, str(exc.detail)), exc.headers)


async def _on_bug(_request: Request, _exc: Exception) -> JSONResponse:
    """Say that it is our fault; the server logs the rest, and nobody outside learns of it."""
    return problem(500, _BUG)


async def _on_invalid(_request: Request, _exc: Exception) -> JSONResponse:
    return problem(400, "the request is not of the form that this address takes")


def template_of(scope: Scope) -> str:
    """Return the path as it is declared: no UID, and nothing that somebody made up."""
    return str(getattr(scope.get("route"), "path", "unknown"))


_NOT_NOW = "the node cannot do this now: its disk or its database is away or full; try again later"
_BUG = "this is a bug of the node; its log says more"
_WORDS = {
    404: "there is nothing at this address; the reference lists what there is",
    405: "this address does not take the method; Allow names those that it takes",
}
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    Refused: _on_refused,
    NodeError: _on_node_error,
    HTTPException: _on_http,
    RequestValidationError: _on_invalid,
    Exception: _on_bug,
}
"""By what was raised."""
