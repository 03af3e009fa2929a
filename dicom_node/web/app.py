"""The application: every address, behind its guard."""

from fastapi import FastAPI

from dicom_node.web.address import ROOT
from dicom_node.web.guard import Guard
from dicom_node.web.health import health_routes
from dicom_node.web.problem import HANDLERS
from dicom_node.web.requests import request_routes
from dicom_node.web.retrieve import retrieve_routes
from dicom_node.web.search import search_routes
from dicom_node.web.services import Services
from dicom_node.web.store import store_routes

__all__ = ["web_app"]


def web_app(services: Services) -> FastAPI:
    """Return the application that serves ``services``.

    It describes itself to nobody: what there is stands in the reference.
    """
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        exception_handlers=HANDLERS,
    )
    app.state.services = services
    app.add_middleware(Guard, limits=services.settings, tally=services.tally)
    app.include_router(health_routes())
    app.include_router(request_routes())
    for routes in (search_routes, retrieve_routes, store_routes):
        app.include_router(routes(), prefix=ROOT)
    return app
