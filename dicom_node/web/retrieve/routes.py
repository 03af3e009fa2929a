"""The addresses of WADO-RS (PS3.18 10.4.1)."""

from fastapi import APIRouter, Depends

from dicom_node.tokens import Scope
from dicom_node.web.access import needs
from dicom_node.web.retrieve.bulk import bulk_answer
from dicom_node.web.retrieve.frames import frames_answer
from dicom_node.web.retrieve.instances import instance_answer, many_answer
from dicom_node.web.retrieve.metadata import metadata_answer
from dicom_node.web.retrieve.rendered import rendered_answer, thumbnail_answer

__all__ = ["retrieve_routes"]

_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"


def retrieve_routes() -> APIRouter:
    """Return the addresses where one retrieves."""
    router = APIRouter(dependencies=[Depends(needs(Scope.READ))])
    for path in (_STUDY, _SERIES):
        router.add_api_route(path, many_answer, methods=["GET"])
    router.add_api_route(_INSTANCE, instance_answer, methods=["GET"])
    router.add_api_route(_FRAMES, frames_answer, methods=["GET"])
    router.add_api_route(_INSTANCE + "/bulkdata/{path:path}", bulk_answer, methods=["GET"])
    for path in (_STUDY, _SERIES, _INSTANCE):
        router.add_api_route(f"{path}/metadata", metadata_answer, methods=["GET"])
    for path in (_STUDY, _SERIES, _INSTANCE, _FRAMES):
        router.add_api_route(f"{path}/rendered", rendered_answer, methods=["GET"])
        router.add_api_route(f"{path}/thumbnail", thumbnail_answer, methods=["GET"])
    return router
