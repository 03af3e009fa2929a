"""TLS with who calls, before anything of HTTP is read."""

import asyncio
from typing import Any, cast

from dicom_node.tls import Certificate, Fault, fault_of
from dicom_node.web.server.doorstep import Doorstep, address_of

__all__ = ["Handshake"]


class Handshake(asyncio.Protocol):
    """Secures a connection, and hands it over to who speaks HTTP.

    asyncio would do so by itself, and tell nobody whom it did not let in, nor why.

    Parameters
    ----------
    speaks : Protocol
        Who speaks HTTP on it then.
    doorstep : Doorstep
        With the context of TLS.
    """

    def __init__(self, speaks: asyncio.Protocol, doorstep: Doorstep) -> None:
        self._speaks = speaks
        self._doorstep = doorstep
        self._early: list[bytes] = []
        self._is_lost = False
        self._task: asyncio.Task[None] | None = None  # held: the loop alone would let it go

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        raw = cast(asyncio.Transport, transport)
        self._doorstep.enter(raw)
        self._task = asyncio.get_running_loop().create_task(self._shake(raw))

    def data_received(self, data: bytes) -> None:
        """Hold what comes right behind the handshake."""
        self._early.append(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Note that there is nobody left to hand over."""
        self._is_lost = True

    async def _shake(self, raw: asyncio.Transport) -> None:
        address = address_of(raw)
        try:
            secured = await self._secured(raw)
        except OSError as exc:
            # who was pushed out was told of; who went away before it ended is nobody's fault
            if self._doorstep.leave(raw) and not isinstance(exc, ConnectionResetError):
                self._doorstep.refuse(address, *fault_of(exc))
            raw.abort()
            return
        self._doorstep.leave(raw)
        if self._is_lost or not self._is_in_time(secured, address):
            secured.abort()
            return
        secured.set_protocol(self._speaks)
        self._speaks.connection_made(secured)
        if self._early:
            self._speaks.data_received(b"".join(self._early))

    async def _secured(self, raw: asyncio.Transport) -> asyncio.Transport:
        context = self._doorstep.tls
        seconds = self._doorstep.services.limits.handshake_s
        if context is None:
            raise ConnectionAbortedError("there is no TLS here")
        async with asyncio.timeout(seconds):
            secured = await asyncio.get_running_loop().start_tls(
                raw, self, context, server_side=True, ssl_handshake_timeout=2 * seconds
            )
        if secured is None:
            raise ConnectionResetError("it went away")
        return secured

    def _is_in_time(self, secured: asyncio.Transport, address: str) -> bool:
        """Whether a certificate that was shown is still good.

        A session of TLS 1.2 may be resumed, and OpenSSL does not look at the certificate again.
        """
        shown: Any = secured.get_extra_info("ssl_object").getpeercert()
        if not shown:
            return True
        certificate = Certificate.of(shown)
        if certificate.ends_at > self._doorstep.services.now():
            return True
        why = f"that of '{certificate.name}' ended at {certificate.ends_at}"
        self._doorstep.refuse(address, Fault.EXPIRED, why)
        return False
