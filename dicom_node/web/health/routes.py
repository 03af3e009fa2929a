"""Whether the node lives, whether it is ready, and what it measures."""

import asyncio
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, PlainTextResponse

from dicom_node.tokens import Scope
from dicom_node.web.access import needs
from dicom_node.web.health.prometheus import CONTENT_TYPE, exposition
from dicom_node.web.services import Check, Served

__all__ = ["health_routes"]

_READY_S = 3.0


def health_routes() -> APIRouter:
    """Return what watches and orchestrators ask; ``/metrics`` takes a token, the rest none."""
    router = APIRouter()
    router.add_api_route("/health/live", _live, methods=["GET", "HEAD"])
    router.add_api_route("/health/ready", _Ready().answer, methods=["GET", "HEAD"])
    router.add_api_route(
        "/metrics", _metrics, methods=["GET"], dependencies=[Depends(needs(Scope.METRICS))]
    )
    return router


async def _live() -> JSONResponse:
    """Answer: who can is alive. It asks nobody, so that nobody is killed for another's fault."""
    return JSONResponse({"status": "live"})


class _Ready:
    """Whether the node is ready, said within seconds: a database that hangs answers nobody.

    It is asked in a thread of its own, for those of the others may all hang; and once at a time,
    whoever asks meanwhile: each time would take one connection more.
    """

    def __init__(self) -> None:
        self._asking: asyncio.Task[Sequence[Check]] | None = None

    async def answer(self, services: Served) -> JSONResponse:
        """Answer 200 where the node can do its work, else 503, and say what it lacks."""
        checks = await self._checks(services.checks)
        ready = all(check.ok for check in checks)
        told = {check.name: {"ok": check.ok, "text": check.text} for check in checks}
        body = {"status": "ready" if ready else "not ready", "checks": told}
        return JSONResponse(body, 200 if ready else 503)

    async def _checks(self, ask: Callable[[], Sequence[Check]]) -> Sequence[Check]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(run_sync(ask, limiter=CapacityLimiter(1)))
        asking = self._asking
        await asyncio.wait([asking], timeout=_READY_S)
        if asking.done():
            return asking.result()
        return [Check("database", False, f"it, or the disk, does not answer in {_READY_S:g} s")]


def _metrics(services: Served) -> PlainTextResponse:
    return PlainTextResponse(exposition(services.figures()), media_type=CONTENT_TYPE)
