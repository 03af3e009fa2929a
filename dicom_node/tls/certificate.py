"""A certificate as far as we care: whom it names, when it ends, and its fingerprint."""

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

__all__ = ["Certificate", "fingerprint", "names_fingerprint"]

_FINGERPRINT = re.compile(r"^(sha-?256[: ])?(([0-9a-f]{2}:){31}[0-9a-f]{2}|[0-9a-f]{64})$", re.I)
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says.

    Parameters
    ----------
    names : tuple of str
        The common names of its subject, then its DNS names.
    starts_at, ends_at : datetime
        UTC.
    fingerprint : str
        SHA-256 of the whole, lower case, no colons; empty where it is not known.
    """

    names: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    fingerprint: str = ""

    @classmethod
    def of(cls, decoded: Mapping[str, Any], encoded: bytes | None = None) -> Self:
        """Return what ``ssl`` has decoded of a certificate, and its fingerprint.

        Parameters
        ----------
        decoded : mapping
            As of ``SSLSocket.getpeercert``.
        encoded : bytes or None
            DER.
        """
        subject = (pair for part in decoded.get("subject", ()) for pair in part)
        common = [value for key, value in subject if key == "commonName"]
        others = [value for kind, value in decoded.get("subjectAltName", ()) if kind == "DNS"]
        return cls(
            names=tuple(dict.fromkeys([*common, *others])),
            starts_at=_time(decoded["notBefore"]),
            ends_at=_time(decoded["notAfter"]),
            fingerprint=fingerprint(encoded) if encoded else "",
        )

    @property
    def name(self) -> str:
        """The first of its names, for people."""
        return self.names[0] if self.names else "(no name)"

    def days_left(self, now: datetime) -> float:
        """Return the days until it ends; negative once it has."""
        return (self.ends_at - now).total_seconds() / _DAY_S

    def is_of(self, wanted: str) -> bool:
        """Whether it is the one that ``wanted`` says: a fingerprint, or one of its names."""
        if names_fingerprint(wanted):
            plain = re.sub(r"^sha-?256[: ]", "", wanted.strip().lower()).replace(":", "")
            return bool(self.fingerprint) and plain == self.fingerprint
        return wanted.strip().casefold() in {name.casefold() for name in self.names}


def _time(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def fingerprint(encoded: bytes) -> str:
    """Return the SHA-256 of a certificate in DER, as ``openssl x509 -fingerprint -sha256`` has it.

    Lower case and without colons.
    """
    return hashlib.sha256(encoded).hexdigest()


def names_fingerprint(wanted: str) -> bool:
    """Whether ``wanted`` has the form of a SHA-256 fingerprint, with or without colons."""
    return bool(_FINGERPRINT.match(wanted.strip()))
