"""Those who are connected and have asked for nothing yet: not many, and not for long."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from ssl import SSLContext

from dicom_node import log
from dicom_node.audit import Remote, alerts
from dicom_node.tls import Fault
from dicom_node.web.services import Services

__all__ = ["Doorstep", "address_of"]

_log = log.get("web")
_TOO_MANY = "too many connections without a request"


@dataclass
class Doorstep:
    """Where connections wait until their first request; within the event loop alone.

    When too many wait, the address that has most of them loses its oldest: a flood pushes out
    itself, as at the door of the associations.

    Parameters
    ----------
    services : Services
        With what is asked of who connects, and who is told.
    tls : SSLContext or None
        With what they are secured; None: not at all.
    """

    services: Services
    tls: SSLContext | None
    _waiting: dict[asyncio.Transport, str] = field(default_factory=dict)  # oldest first

    def enter(self, transport: asyncio.Transport) -> None:
        """Let a connection wait; it may cost another its place."""
        self._waiting[transport] = address_of(transport)
        most = self.services.limits.waiting
        if len(self._waiting) <= most:
            return
        crowd, _ = Counter(self._waiting.values()).most_common(1)[0]
        oldest = next(one for one, whose in self._waiting.items() if whose == crowd)
        self.leave(oldest)
        oldest.abort()
        self.refuse(crowd, _TOO_MANY, f"limits.waiting = {most}, most of them from this address")

    def leave(self, transport: asyncio.Transport) -> bool:
        """Let a connection go on, or away; return whether it still had its place."""
        return self._waiting.pop(transport, None) is not None

    def refuse(self, address: str, reason: str | Fault, why: str) -> None:
        """Log a connection that is not let in, count it, and tell the audit trail of it."""
        _log.warning("refused", address=address, reason=str(reason), why=why)
        self.services.tally.add("web_connections_refused_total", {"why": str(reason)})
        if self.services.audit.on:
            caller = Remote(address or "unknown", address=address)
            alert = alerts.node_refused(self.services.now(), caller, f"{reason}: {why}")
            # it waits for the disk: not here, where everybody is served
            asyncio.get_running_loop().run_in_executor(None, self.services.audit.record, alert)


def address_of(transport: asyncio.BaseTransport) -> str:
    """Return where a connection comes from."""
    name = transport.get_extra_info("peername")
    return str(name[0]) if isinstance(name, tuple) and name else ""
