"""Whether the node lives, whether it is ready, and what it measures."""

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, PlainTextResponse

from dicom_node.tokens import Scope
from dicom_node.web.access import needs
from dicom_node.web.health.prometheus import CONTENT_TYPE, exposition
from dicom_node.web.services import Served

__all__ = ["health_routes"]


def health_routes() -> APIRouter:
    """Return what watches and orchestrators ask; ``/metrics`` takes a token, the rest none."""
    router = APIRouter()
    router.add_api_route("/health/live", _live, methods=["GET", "HEAD"])
    router.add_api_route("/health/ready", _ready, methods=["GET", "HEAD"])
    router.add_api_route(
        "/metrics", _metrics, methods=["GET"], dependencies=[Depends(needs(Scope.METRICS))]
    )
    return router


async def _live() -> JSONResponse:
    """Answer: who can is alive. It asks nobody, so that nobody is killed for another's fault."""
    return JSONResponse({"status": "live"})


def _ready(services: Served) -> JSONResponse:
    """Answer 200 where the node can do its work, else 503, and say what it lacks."""
    checks = services.checks()
    ready = all(check.ok for check in checks)
    told = {check.name: {"ok": check.ok, "text": check.text} for check in checks}
    body = {"status": "ready" if ready else "not ready", "checks": told}
    return JSONResponse(body, 200 if ready else 503)


def _metrics(services: Served) -> PlainTextResponse:
    return PlainTextResponse(exposition(services.figures()), media_type=CONTENT_TYPE)
