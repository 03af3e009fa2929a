"""Versions and cipher suites: what PS3.15 B.12 and B.13 leave.

Python sets the suites of TLS 1.2 alone. Those of TLS 1.3 are OpenSSL's own: AES-GCM and
ChaCha20-Poly1305, which both profiles take.
"""

import ssl
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SUITES", "client_context", "server_context"]

_GCM = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
)
"""The four that RFC 9325 4.2 recommends."""
SUITES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "B.12": _GCM,
        "B.13": (
            *_GCM,
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-AES256-CCM",
            "ECDHE-ECDSA-AES128-CCM",
        ),
    }
)
"""Of TLS 1.2, by profile. What B.13 names beyond these, Camellia-GCM and the CCM suites with short
tags, OpenSSL has not or holds for too weak; DHE is out, its key length cannot be set from here."""
_STRENGTH = "@SECLEVEL=2"
"""No RSA below 2048 bits, no elliptic curve below 224, no SHA-1 in a signature."""
_OPTIONS = (
    ssl.OP_NO_COMPRESSION
    | ssl.OP_NO_RENEGOTIATION
    | ssl.OP_NO_TICKET
    | ssl.OP_CIPHER_SERVER_PREFERENCE
)
"""No tickets: a session lives in its context alone, and is gone when certificates are renewed."""


def server_context(profile: str, *, mutual: bool = True) -> ssl.SSLContext:
    """Return what we answer with, without certificates yet.

    Parameters
    ----------
    profile : str
        ``B.12`` or ``B.13``.
    mutual : bool
        Whether who calls has to show a certificate of its own.

    References
    ----------
    PS3.15 B.12, B.13; RFC 8996; RFC 9325 3 and 4.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE
    return _hardened(context, profile)


def client_context(profile: str, *, by_host: bool = True) -> ssl.SSLContext:
    """Return what we call with, without certificates yet.

    Parameters
    ----------
    by_host : bool
        Whether the certificate has to name the host that is called. False where the caller looks
        for another identity in it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = by_host
    return _hardened(context, profile)


def _hardened(context: ssl.SSLContext, profile: str) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join((_STRENGTH, *SUITES[profile])))
    context.options |= _OPTIONS
    # a peer's own certificate in the trust list is believed without the CA that signed it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
