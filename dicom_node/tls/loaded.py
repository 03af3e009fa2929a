"""What the files of ``[tls]`` make: contexts that are ready, or every mistake."""

import ssl
from contextlib import suppress
from dataclasses import dataclass

from dicom_node.errors import SettingsError
from dicom_node.tls.certificate import Certificate
from dicom_node.tls.profile import client_context, server_context
from dicom_node.tls.reading import TlsFiles, first_certificate, trusted_certificates

__all__ = ["Loaded", "load"]

_ANY_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME: a certificate that has ended can be looked at too."""
_ROUNDS = 8
"""A handshake takes two or three."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One state of the files.

    Parameters
    ----------
    mutual, one_sided : SSLContext
        To answer with: where the caller has to show a certificate, and where not.
    by_host, by_identity : SSLContext
        To call with: where the certificate has to name the host, and where its identity is looked
        at by the caller.
    own : Certificate
        Ours.
    roles : tuple of str
        What it is good as: ``server``, ``client``.
    authorities : tuple of Certificate
        The CAs that we believe.
    """

    mutual: ssl.SSLContext
    one_sided: ssl.SSLContext
    by_host: ssl.SSLContext
    by_identity: ssl.SSLContext
    own: Certificate
    roles: tuple[str, ...]
    authorities: tuple[Certificate, ...]


def load(files: TlsFiles, profile: str) -> Loaded:
    """Read the files and try them out.

    Raises
    ------
    SettingsError
        With every mistake, each naming its file.
    """
    trusted, mistakes = b"", list[str]()
    try:
        trusted = b"".join(trusted_certificates(files.trust))
    except SettingsError as exc:
        mistakes += exc.mistakes
    try:
        own, roles = _own(files, profile)
    except SettingsError as exc:
        raise SettingsError([*exc.mistakes, *mistakes]) from exc
    if mistakes:
        raise SettingsError(mistakes)
    contexts = (
        server_context(profile),
        server_context(profile, mutual=False),
        client_context(profile),
        client_context(profile, by_host=False),
    )
    for context in contexts:
        context.load_verify_locations(cadata=trusted)
        _load_pair(context, files)
    found = [Certificate.of(one) for one in contexts[0].get_ca_certs()]
    # of two that bear one name, the one that ends first is met last, and so is the one told of
    authorities = tuple(sorted(found, key=lambda one: one.ends_at, reverse=True))
    return Loaded(*contexts, own=own, roles=roles, authorities=authorities)


def _own(files: TlsFiles, profile: str) -> tuple[Certificate, tuple[str, ...]]:
    """Return our own certificate and what it is good as, after handshakes with ourselves.

    ``ssl`` decodes a certificate only where a peer shows it; and a handshake in memory tells that
    key, suites and purposes fit before anybody calls.
    """
    encoded = first_certificate(files.certificate)
    roles: list[str] = []
    decoded: dict[str, object] = {}
    unfit: list[str] = []
    for role in ("server", "client"):
        server = server_context(profile, mutual=role == "client")
        client = client_context(profile, by_host=False)
        if role == "client":
            client.verify_mode = ssl.CERT_NONE
        for context in (server, client):
            _load_pair(context, files)
            context.load_verify_locations(cadata=encoded)
            context.verify_flags |= _ANY_TIME
        try:
            decoded = _shown(server, client, role) or decoded
            roles.append(role)
        except ssl.SSLError as exc:
            unfit.append(f"{files.certificate}: not good as that of a {role}: {_word(exc)}")
    if not roles:
        raise SettingsError(unfit)
    return Certificate.of(decoded, encoded), tuple(roles)


def _word(exc: ssl.SSLError) -> str:
    return str(getattr(exc, "verify_message", "") or exc.reason or exc)


def _load_pair(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        if b"ENCRYPTED" in files.key.read_bytes():
            text = "is encrypted; write it without a pass phrase, readable by the node's user alone"
            raise SettingsError([f"{files.key}: the key {text}"])
        context.load_cert_chain(files.certificate, files.key, password=b"")
    except ssl.SSLError as exc:
        raise SettingsError([_why_not(exc, files)]) from exc
    except OSError as exc:
        raise SettingsError([f"{files.key}: not readable: {exc.strerror or exc}"]) from exc


def _why_not(exc: ssl.SSLError, files: TlsFiles) -> str:
    if exc.reason == "KEY_VALUES_MISMATCH":
        return f"{files.key} is not the key of {files.certificate}; name the pair that fits"
    if exc.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        wanted = "RSA of 2048 bits or an elliptic curve of 224, signed with SHA-256, is the least"
        return f"{files.certificate} is too weak ({exc.reason}); {wanted}"
    return f"{files.certificate} with {files.key} is no PEM pair: {exc.reason or exc}"


def _shown(server: ssl.SSLContext, client: ssl.SSLContext, role: str) -> dict[str, object]:
    """Return the certificate of ``role`` as the other end of a handshake in memory sees it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = {
        "client": client.wrap_bio(to_client, to_server),
        "server": server.wrap_bio(to_server, to_client, server_side=True),
    }
    for _ in range(_ROUNDS):
        for end in ends.values():
            with suppress(ssl.SSLWantReadError):  # it is the other's turn
                end.do_handshake()
    other = "client" if role == "server" else "server"
    return dict(ends[other].getpeercert() or {})
