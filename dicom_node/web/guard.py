"""What one request, or all together, may cost: places, bytes, and time."""

import asyncio
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dicom_node import log
from dicom_node.settings import Web
from dicom_node.tally import Tally
from dicom_node.web.problem import Refused, problem, template_of

__all__ = ["Guard"]

_log = log.get("web")
_ALWAYS = ("/health/live", "/health/ready")
"""Answered however many others are being served: who watches us needs to know."""
_HEADERS = (
    (b"cache-control", b"no-store"),  # what is answered is about patients
    (b"x-content-type-options", b"nosniff"),
)
_BUSY, _TOO_LONG = (
    "as many requests as may be are being served; try again",
    "the path and query are too long",
)


class Guard:
    """Lets through what is within the limits; stands before everything else.

    Parameters
    ----------
    app : ASGI application
    limits : Web
        How many, how large, how long.
    tally : Tally
        Counts answers.
    """

    def __init__(self, app: ASGIApp, limits: Web, tally: Tally) -> None:
        self._app = app
        self._limits = limits
        self._tally = tally
        self._served = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(self._limits, scope, receive, send)
        began = monotonic()
        always = scope["path"] in _ALWAYS
        self._served += not always
        try:
            refusal = self._refusal(scope, always=always)
            if refusal is not None:
                await passage.refuse(refusal)
            else:
                await self._serve(scope, passage)
        finally:
            self._served -= not always
            self._note(scope, passage, monotonic() - began)

    def _refusal(self, scope: Scope, *, always: bool) -> Refused | None:
        if self._served > self._limits.requests and not always:
            return Refused(503, _BUSY, {"Retry-After": "1"})
        length = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if length > self._limits.query_length:
            return Refused(414, f"{_TOO_LONG}: {length} characters, web.query_length is less")
        return None

    async def _serve(self, scope: Scope, passage: "_Passage") -> None:
        try:
            async with asyncio.timeout(self._limits.request_s):
                await self._app(scope, passage.receive, passage.send)
        except Refused as exc:  # of the passage: it met no handler on its way
            await passage.refuse(exc)
        except TimeoutError:
            await passage.refuse(
                Refused(408, "the request took too long; web.request_s says how long")
            )

    def _note(self, scope: Scope, passage: "_Passage", took_s: float) -> None:
        path, status = template_of(scope), str(passage.status or "none")
        labels = {"method": _METHODS.get(scope["method"], "other"), "path": path, "status": status}
        self._tally.add("web_requests_total", labels)
        self._tally.add("web_request_seconds_total", {"path": path}, took_s)
        caller = scope.get("caller", "")
        _log.debug("request", **labels, caller=caller, seconds=round(took_s, 3))


_WITH_BODY = ("POST", "PUT", "PATCH")
_LET_GO, _LET_GO_S = 64 * 2**20, 5.0
_METHODS = {name: name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")}


class _Passage:
    """The way of one request in and of its answer out, with a limit on each step."""

    def __init__(self, limits: Web, scope: Scope, receive: Receive, send: Send) -> None:
        self._limits = limits
        self._scope = scope
        self._receive = receive
        self._send = send
        self._taken = 0
        self._is_whole = False
        self.status: int | None = None

    async def receive(self) -> Message:
        """Take the next piece of the request; once it is whole, wait for the client to go."""
        if self._is_whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._limits.idle_s)
        except TimeoutError as exc:
            raise Refused(408, "the request stopped in the middle; send it again") from exc
        self._is_whole = not message.get("more_body", False)
        self._taken += len(message.get("body", b""))
        if self._taken > self._limits.request_mb * 2**20:
            raise Refused(413, f"the request is larger than {self._limits.request_mb} MB")
        return message

    async def send(self, message: Message) -> None:
        """Give a piece of the answer; a client that does not take it is cut off."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *_HEADERS]}
        elif not message.get("more_body", False):
            await self._let_finish()
        await asyncio.wait_for(self._send(message), self._limits.idle_s)

    async def _let_finish(self) -> None:
        """Let a client that is told no finish its sentence: while it sends, many hear nothing."""
        headers = dict(self._scope["headers"])
        if self._is_whole or self._scope["method"] not in _WITH_BODY or b"expect" in headers:
            return
        let_go = 0
        try:
            async with asyncio.timeout(min(_LET_GO_S, self._limits.idle_s)):
                while not self._is_whole and let_go < _LET_GO:
                    message = await self._receive()
                    self._is_whole = not message.get("more_body", False)
                    let_go += len(message.get("body", b""))
        except TimeoutError:
            return

    async def refuse(self, why: Refused) -> None:
        """Answer with an error; where an answer has begun, only breaking it off is honest."""
        if self.status is not None:
            _log.warning("answer broken off", path=template_of(self._scope), why=str(why))
            return
        await problem(why.status, str(why), why.headers)(self._scope, self._receive, self.send)
