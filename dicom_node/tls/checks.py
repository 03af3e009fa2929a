"""What may be configured together: TLS, plain DICOM, and who shows which certificate."""

import re
from collections.abc import Callable, Iterator, Sequence

from dicom_node.sections import Listen, Peer, Tls, Web, is_loopback
from dicom_node.tls.certificate import names_fingerprint

__all__ = ["plain_peers", "tls_mistakes"]

_FILES = {
    "certificate": "a PEM file with our certificate and what chains it to its CA",
    "key": "a PEM file with its private key",
    "trust": "a PEM file of CA certificates, or a folder of certificates",
}
_ALMOST = re.compile(r"^(sha|md5|[0-9a-fA-F]{2}:[0-9a-fA-F]{2}:)")
"""Meant for a fingerprint, whatever it is."""


def tls_mistakes(
    doors: tuple[Listen, Web], tls: Tls, peers: Sequence[Peer], place: Callable[..., str]
) -> list[str]:
    """Return what is wrong with the settings of TLS, one line each.

    Parameters
    ----------
    doors : (Listen, Web)
        What is open to others.
    place : callable
        Section and key to where a person finds the value.
    """
    listen = doors[0]
    return [
        *_of_listen(listen, place),
        *_of_files(doors, tls, peers, place),
        *_of_peers(listen, peers),
    ]


def plain_peers(peers: Sequence[Peer]) -> tuple[Peer, ...]:
    """Return those whom we call without TLS over a network."""
    return tuple(p for p in peers if p.port is not None and not p.tls and not is_loopback(p.host))


def _of_listen(listen: Listen, place: Callable[..., str]) -> Iterator[str]:
    if listen.tls and listen.plain:
        yield (
            f"{place('listen', 'plain')} = true says without TLS, and listen.tls = true with it; "
            "take one of them out"
        )
    if not (listen.tls or listen.plain or is_loopback(listen.host)):
        yield (
            f"{place('listen', 'host')} = '{listen.host}' would be served without TLS, for anyone "
            "on the way to read; set listen.tls = true and name the files in [tls], or say "
            "listen.plain = true where the network itself is protected"
        )


def _of_files(
    doors: tuple[Listen, Web], tls: Tls, peers: Sequence[Peer], place: Callable[..., str]
) -> Iterator[str]:
    listen, web = doors
    using = [name for name, on in (("listen.tls", listen.tls), ("web.tls", web.tls)) if on]
    using += [f"{peer.name} of peers.toml" for peer in peers if peer.tls]
    for key, wanted in _FILES.items():
        value = getattr(tls, key)
        if "-----BEGIN" in value:
            where = place("tls", key)
            yield f"{where} holds the text itself; write it to a file and name that file"
        elif using and not value:
            yield f"{place('tls', key)} is empty, and {using[0]} needs it; name {wanted}"


def _of_peers(listen: Listen, peers: Sequence[Peer]) -> Iterator[str]:
    for peer in plain_peers(peers):
        if not peer.plain:
            yield (
                f"peers.toml: {peer.name} at {peer.host} would be called without TLS, for anyone "
                "on the way to read; set tls = true where it speaks TLS, or say plain = true where "
                "the network itself is protected"
            )
    for peer in peers:
        if peer.tls and peer.port is None:
            yield (
                f"peers.toml: {peer.name} has tls = true but no port; tls says how we call it: add "
                "its port, 2762 say, or take tls out"
            )
        if peer.tls and peer.plain:
            yield (
                f"peers.toml: {peer.name} has plain = true, which says without TLS, and tls = "
                "true; take one of them out"
            )
        if peer.certificate and not (peer.tls or listen.tls):
            yield (
                f"peers.toml: {peer.name} has a certificate, and nobody would look at it; set "
                "listen.tls, or tls of this peer, or take it out"
            )
        if _ALMOST.match(peer.certificate) and not names_fingerprint(peer.certificate):
            yield (
                f"peers.toml: {peer.name}: certificate = '{peer.certificate}' is no SHA-256 "
                "fingerprint; 32 pairs of hexadecimal digits are wanted, or a common name"
            )
