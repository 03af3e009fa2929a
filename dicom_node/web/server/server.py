"""The HTTP server: connections that neither speak nor listen are ended, TLS has its place."""

import asyncio
import socket
from ssl import SSLContext
from typing import cast

from fastapi import FastAPI
from uvicorn import Config, Server

from dicom_node import log
from dicom_node.errors import SettingsError
from dicom_node.settings import Web
from dicom_node.web.server.doorstep import Doorstep
from dicom_node.web.server.handshake import Handshake
from dicom_node.web.server.patient import Patient

__all__ = ["WebServer"]

_log = log.get("web")
_BACKLOG = 128
_HEADERS_MOST = 32_768
"""Bytes of a request's headers, its path and query not counted."""
_KEPT_S = 15
_GRACE_S = 3
_CONNECTIONS_A_REQUEST = 8
"""Browsers keep some open and idle."""


class WebServer(Server):
    """Serves an application until it is told to end.

    Parameters
    ----------
    app : FastAPI
        With the services behind it: they say what who connects may cost, and who is told.
    web : Web
        Where, and how much.
    tls : SSLContext or None
        With one it speaks HTTPS. Its certificates may be exchanged while it serves: whoever made
        it reloads them.
    """

    def __init__(self, app: FastAPI, web: Web, tls: SSLContext | None = None) -> None:
        self._web = web
        self._has_tls = tls is not None
        super().__init__(
            Config(
                app,
                host=web.host,
                port=web.port,
                http=_protocol(web, Doorstep(app.state.services, tls)),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,  # who calls is who connects
                server_header=False,
                timeout_keep_alive=_KEPT_S,
                timeout_graceful_shutdown=_GRACE_S,
                h11_max_incomplete_event_size=_HEADERS_MOST + web.query_length,
            )
        )

    def bind(self) -> socket.socket:
        """Return the socket that is served; port 0 leaves the choice to the system.

        Raises
        ------
        SettingsError
            When the address cannot be bound.
        """
        web = self._web
        family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
        try:
            bound = socket.create_server((web.host, web.port), family=family, backlog=_BACKLOG)
        except OSError as exc:
            text = f"web: {web.host}:{web.port} cannot be bound: {exc.strerror or exc}"
            raise SettingsError([f"node.toml: {text}; is another program there?"]) from exc
        port = int(bound.getsockname()[1])
        _log.info("web listening", host=web.host, port=port, tls=self._has_tls)
        return bound


def _protocol(web: Web, doorstep: Doorstep) -> type[asyncio.Protocol]:
    """Return what speaks on a connection; uvicorn makes one of each, and hands it nothing of ours.

    It is a type to uvicorn, and makes what stands before HTTP where there is TLS.
    """
    most = web.requests * _CONNECTIONS_A_REQUEST
    patient = type(
        "Limited", (Patient,), {"idle_s": web.idle_s, "most": most, "doorstep": doorstep}
    )
    if doorstep.tls is None:
        return patient
    return cast(type[asyncio.Protocol], lambda **given: Handshake(patient(**given), doorstep))
