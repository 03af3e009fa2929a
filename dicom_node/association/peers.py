"""Who may call: by AE title and address."""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from dicom_node.settings import Peer

__all__ = ["ANYWHERE", "Admission", "admit", "resolve"]

ANYWHERE = "*"
"""As a peer's host: any address will do."""

Resolver = Callable[[str], frozenset[str]]


@dataclass(frozen=True, slots=True)
class Admission:
    """The peer that calls, or why nobody is let in."""

    peer: Peer | None
    refusal: str = ""


def resolve(host: str) -> frozenset[str]:
    """Return the addresses of ``host``; none where the name is unknown."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(str(entry[4][0]) for entry in found)


def admit(
    calling: str, address: str, peers: Sequence[Peer], resolver: Resolver = resolve
) -> Admission:
    """Return the peer that calls itself ``calling`` from ``address``.

    Parameters
    ----------
    calling : str
        AE title, padding aside.
    address : str
        Where the connection comes from.
    peers : sequence of Peer
        All that are configured; the first that fits is taken.
    """
    here = _unmapped(address)
    titled = [peer for peer in peers if peer.ae_title.strip() == calling.strip()]
    if not titled:
        return Admission(
            None, f"no peer has the AE title '{calling.strip()}'; add it to peers.toml"
        )
    for peer in titled:
        if peer.host == ANYWHERE or here in map(_unmapped, resolver(peer.host)):
            return Admission(peer)
    hosts = ", ".join(peer.host for peer in titled)
    return Admission(
        None, f"'{calling.strip()}' calls from {here}, peers.toml has it at {hosts}; correct one"
    )


def _unmapped(address: str) -> str:
    """Return an IPv4 address as such where it came to an IPv6 socket (RFC 4291 2.5.5.2)."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return str(mapped or parsed)
