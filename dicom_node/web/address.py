"""Addresses: UIDs out of them, and ours into answers."""

import re

from fastapi import Request

from dicom_node.settings import Web
from dicom_node.web.problem import Refused

__all__ = ["ROOT", "UID", "root_of", "uid_in", "uids_of"]

ROOT = "/dicom-web"
"""What stands before every address of DICOMweb."""
UID = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}"
"""What passes for a UID in a request: nothing that could be taken for a path."""
_KEYWORDS = {
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "instance": "SOPInstanceUID",
}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,255}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")

_USUAL = {"http": 80, "https": 443}
"""What a Host without a port means (RFC 9110, 4.2)."""


def uids_of(request: Request) -> dict[str, str]:
    """Return the UIDs that the path names, by keyword, from the study down.

    Raises
    ------
    Refused
        With 400 where one is none.
    """
    return {
        keyword: uid_in(request.path_params[name], keyword)
        for name, keyword in _KEYWORDS.items()
        if name in request.path_params
    }


def uid_in(text: str, keyword: str) -> str:
    """Return a UID of a path.

    One that breaks the rules of PS3.5 9.1 may have been sent all the same, so letters pass. What
    could be taken for a path does not: no UID here ever is part of one, and nobody need wonder.
    """
    if not re.fullmatch(UID, text):
        raise Refused(400, f"the {keyword} in the address is no UID; digits and dots are wanted")
    return text


def root_of(request: Request, web: Web) -> str:
    """Return what stands before ``/studies`` in addresses that this client can use.

    Some clients leave the port out of their Host, dicomweb-client for one: unless ``[web] url``
    says otherwise it is the one that they have come to.
    """
    if web.url:
        return web.url.rstrip("/") + ROOT
    scheme, host = request.url.scheme, request.headers.get("host", "")
    named = _HOST.fullmatch(host)
    if not named:
        host = f"{web.host}:{web.port}" if ":" not in web.host else f"[{web.host}]:{web.port}"
    elif not any(named.groups()) and (port := _port_of(request)) != _USUAL.get(scheme):
        host = f"{host}:{port}"
    return f"{scheme}://{host}{ROOT}"


def _port_of(request: Request) -> int | None:
    server = request.scope.get("server") or (None, None)
    return int(server[1]) if server[1] else _USUAL.get(request.url.scheme)
