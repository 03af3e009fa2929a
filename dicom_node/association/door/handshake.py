"""TLS with who calls: before anything of DICOM is read."""

from datetime import datetime
from time import monotonic

from dicom_node.association.door.refusal import NotLetIn, Reason
from dicom_node.tls import Credentials, Fault, fault_of
from dicom_node.transport import Line

__all__ = ["shake"]

_HANDSHAKE = b"\x16"  # ContentType of a ClientHello (RFC 8446 5.1)


def shake(line: Line, credentials: Credentials, seconds: float, now: datetime) -> None:
    """Secure ``line``, or refuse it.

    Parameters
    ----------
    seconds : float
        How long it may take.
    now : datetime
        UTC.

    Raises
    ------
    NotLetIn
        With what was wrong.
    """
    until = monotonic() + seconds
    try:
        first = line.peek(until)
    except TimeoutError as exc:
        raise NotLetIn(Reason.SILENT, f"it said nothing for {seconds:g} s") from exc
    except OSError as exc:
        raise NotLetIn(None) from exc
    if not first:
        raise NotLetIn(None)
    if first != _HANDSHAKE:
        raise NotLetIn(Fault.PLAIN_TEXT, "it speaks no TLS; this port speaks nothing else")
    try:
        line.secure(credentials.server(), None, until)
    except OSError as exc:
        fault, word = fault_of(exc)
        raise NotLetIn(fault, _HINTS.get(fault, "").format(word=word) or word) from exc
    shown = line.certificate
    if shown is not None and shown.ends_at <= now:
        # a session of TLS 1.2 may be resumed, and OpenSSL does not look at the certificate again
        raise NotLetIn(Fault.EXPIRED, f"that of '{shown.name}' ended at {shown.ends_at}")


_HINTS = {
    Fault.OLD_VERSION: "{word}; TLS 1.2 is wanted, 1.3 preferred",
    Fault.NO_SUITE: "{word}; PS3.15 B.12 or B.13, as tls.profile says",
    Fault.NO_CERTIFICATE: "{word}; who calls has to show one that tls.trust believes",
    Fault.UNTRUSTED: "{word}; put its CA, or its own, where tls.trust points",
    Fault.OURS_REFUSED: "{word}; it does not believe our certificate",
    Fault.SLOW: "{word}: limits.handshake_s",
}
