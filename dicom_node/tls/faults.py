"""Why there was no TLS, in words that tell a person what to do."""

import ssl
from enum import StrEnum

__all__ = ["Fault", "fault_of"]


class Fault(StrEnum):
    """What was wrong."""

    PLAIN_TEXT = "plain text on the TLS port"
    OLD_VERSION = "no common TLS version"
    NO_SUITE = "no common cipher suite"
    NO_CERTIFICATE = "no certificate shown"
    UNTRUSTED = "certificate not trusted"
    EXPIRED = "certificate expired"
    NOT_YET_VALID = "certificate not valid yet"
    WRONG_NAME = "certificate of another"
    BAD_CERTIFICATE = "certificate unfit"
    OURS_REFUSED = "our certificate refused"
    SLOW = "handshake not ended in time"
    BROKEN = "handshake broken off"


_BY_REASON = {
    "HTTP_REQUEST": Fault.PLAIN_TEXT,
    "WRONG_VERSION_NUMBER": Fault.PLAIN_TEXT,  # a record's, which is no TLS then
    "PACKET_LENGTH_TOO_LONG": Fault.PLAIN_TEXT,
    "RECORD_LAYER_FAILURE": Fault.PLAIN_TEXT,
    "UNSUPPORTED_PROTOCOL": Fault.OLD_VERSION,
    "VERSION_TOO_LOW": Fault.OLD_VERSION,
    "NO_PROTOCOLS_AVAILABLE": Fault.OLD_VERSION,
    "TLSV1_ALERT_PROTOCOL_VERSION": Fault.OLD_VERSION,
    "NO_SHARED_CIPHER": Fault.NO_SUITE,
    "NO_CIPHERS_AVAILABLE": Fault.NO_SUITE,
    "NO_SHARED_GROUPS": Fault.NO_SUITE,
    "NO_SUITABLE_GROUPS": Fault.NO_SUITE,
    "NO_SUITABLE_KEY_SHARE": Fault.NO_SUITE,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": Fault.NO_SUITE,
    "NO_SHARED_SIGNATURE_ALGORITHMS": Fault.NO_SUITE,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": Fault.NO_SUITE,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": Fault.NO_SUITE,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": Fault.NO_CERTIFICATE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": Fault.OURS_REFUSED,
    "TLSV1_ALERT_UNKNOWN_CA": Fault.OURS_REFUSED,
    "TLSV1_ALERT_ACCESS_DENIED": Fault.OURS_REFUSED,
    "SSLV3_ALERT_BAD_CERTIFICATE": Fault.OURS_REFUSED,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": Fault.OURS_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": Fault.OURS_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": Fault.OURS_REFUSED,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": Fault.OURS_REFUSED,
}
_BY_VERIFICATION = {
    9: Fault.NOT_YET_VALID,
    10: Fault.EXPIRED,
    2: Fault.UNTRUSTED,
    7: Fault.UNTRUSTED,
    18: Fault.UNTRUSTED,
    19: Fault.UNTRUSTED,
    20: Fault.UNTRUSTED,
    21: Fault.UNTRUSTED,
    62: Fault.WRONG_NAME,
    64: Fault.WRONG_NAME,
}
"""X509_V_ERR_* of OpenSSL."""


def fault_of(exc: OSError | ValueError) -> tuple[Fault, str]:
    """Return what was wrong, and OpenSSL's own word for it.

    Parameters
    ----------
    exc : OSError or ValueError
        What the handshake, or the first reading after it, raised.
    """
    if isinstance(exc, TimeoutError):
        return Fault.SLOW, "no answer in time"
    if isinstance(exc, ssl.SSLCertVerificationError):
        fault = _BY_VERIFICATION.get(exc.verify_code, Fault.BAD_CERTIFICATE)
        return fault, exc.verify_message.rstrip(".")
    reason = getattr(exc, "reason", None)
    if reason:
        return _BY_REASON.get(reason, Fault.BROKEN), reason.replace("_", " ").lower()
    return Fault.BROKEN, getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
