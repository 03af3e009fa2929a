"""HTTP on one connection, with an end to patience."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from dicom_node import log
from dicom_node.web.server.doorstep import Doorstep, address_of

__all__ = ["Patient"]

_log = log.get("web")


class Patient(H11Protocol):
    """uvicorn's protocol, with a limit on connections and on how long a request's head may take.

    Until its first request is whole, a connection waits on the doorstep.
    """

    idle_s: ClassVar[float]
    most: ClassVar[int]
    doorstep: ClassVar[Doorstep]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, where there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self.doorstep.enter(transport)
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self.doorstep.leave(self.transport)
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what comes, and wait for no more than the rest of a head."""
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None:
            self.doorstep.leave(self.transport)
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.idle_s, self._give_up)

    def _give_up(self) -> None:
        """End a connection; in the log alone, for browsers open some ahead of need."""
        if self.doorstep.leave(self.transport):
            why = f"no whole request in web.idle_s = {self.idle_s:g} s"
            _log.info("connection ended", address=address_of(self.transport), why=why)
        self.transport.abort()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
