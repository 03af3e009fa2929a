"""Who was not let in, and why: one word for machines, one line for people."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from dicom_node import log
from dicom_node.errors import NodeError
from dicom_node.sections import Limits, Listen
from dicom_node.tls import Credentials, Fault

__all__ = ["Doorway", "NotLetIn", "Reason", "Refused", "nobody"]

_log = log.get("association")


class Reason(StrEnum):
    """Why a connection or an association is refused; what TLS has against it is a ``Fault``."""

    TLS_ON_PLAIN = "TLS on the plain port"
    NOT_DICOM = "no DICOM"
    SILENT = "no association requested in time"
    TOO_MANY_WAITING = "too many connections without an association"
    MALFORMED = "association request malformed"
    TOO_MANY_CONTEXTS = "too many presentation contexts"
    UNKNOWN_CALLER = "calling AE title not recognised"
    UNKNOWN_CALLED = "called AE title not recognised"
    OTHER_CERTIFICATE = "certificate of another peer"
    TOO_MANY = "too many associations"
    TOO_MANY_OF_PEER = "too many associations of this peer"
    BROKEN_OFF = "association ended for what the peer did"


@dataclass(frozen=True, slots=True)
class Refused:
    """One refusal.

    Parameters
    ----------
    reason : Reason or Fault
        Stable.
    address : str
        Where the connection came from.
    why : str
        What was seen and what was wanted.
    peer : str
        Our name for who it is, or its AE title where it is nobody's; empty before it said one.
    """

    reason: Reason | Fault
    address: str
    why: str
    peer: str = ""


def nobody(_refused: Refused) -> None:
    """Tell nobody but the log."""


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where peers come in, and what is asked of them before they are served.

    Parameters
    ----------
    listen : Listen
        Address, and how many.
    limits : Limits
        What they may cost.
    credentials : Credentials or None
        With what TLS is spoken; None: plain DICOM.
    on_refused : callable
        Told of every refusal, from whatever thread it happens on.
    """

    listen: Listen
    limits: Limits
    credentials: Credentials | None = None
    on_refused: Callable[[Refused], None] = nobody

    def also(self, told: Callable[[Refused], None]) -> "Doorway":
        """Return it with one more who is told of every refusal."""
        before = self.on_refused

        def both(refused: Refused) -> None:
            before(refused)
            told(refused)

        return replace(self, on_refused=both)

    def refuse(self, refused: Refused) -> None:
        """Log a refusal and pass it on: every one goes through here."""
        event = "association aborted" if refused.reason is Reason.BROKEN_OFF else "refused"
        _log.warning(
            event,
            address=refused.address,
            peer=refused.peer,
            reason=str(refused.reason),
            why=refused.why,
        )
        self.on_refused(refused)


class NotLetIn(NodeError):
    """A connection that is refused before it has an association.

    Parameters
    ----------
    reason : Reason or Fault or None
        None: it was closed before it said anything, which is nobody's fault.
    why : str
        For the log.
    answer : bytes
        What to send before the connection is closed.
    """

    def __init__(self, reason: Reason | Fault | None, why: str = "", answer: bytes = b"") -> None:
        super().__init__(why)
        self.reason = reason
        self.why = why
        self.answer = answer
