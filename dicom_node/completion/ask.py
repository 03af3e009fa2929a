"""Ask the sender how many instances it has: C-FIND at series level."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

from dicom_node.scu import find_series
from dicom_node.settings import Outbox, Peer

__all__ = ["AskSender", "Asks"]

_NOT_AGAIN_S = 60.0
"""A peer that did not answer is left alone so long: other studies are not to wait for it."""


class Asks(Protocol):
    """Something that knows which senders answer, and asks them."""

    def may_ask(self, peers: Sequence[str]) -> bool:
        """Return whether one of ``peers`` answers queries."""

    def counts(self, peers: Sequence[str], study_uid: str) -> Mapping[str, int] | None:
        """Return instances by series UID as the first of ``peers`` that answers has them."""


class AskSender:
    """Ask peers of peers.toml that may be asked to find.

    Parameters
    ----------
    ae_title : str
        Ours.
    peers : sequence of Peer
        All of peers.toml.
    times : Outbox
        How long to wait for the connection, and for each answer.
    """

    def __init__(self, ae_title: str, peers: Sequence[Peer], times: Outbox) -> None:
        self._ae_title = ae_title
        self._peers = {peer.name: peer for peer in peers if "find" in peer.ask and peer.port}
        self._times = times
        self._away_until: dict[str, float] = {}

    def may_ask(self, peers: Sequence[str]) -> bool:
        """Return whether one of ``peers`` (names) answers queries; not after it just did not."""
        return self._next(peers) is not None

    def counts(self, peers: Sequence[str], study_uid: str) -> Mapping[str, int] | None:
        """Return instances by series UID; None where the peer does not count.

        Raises
        ------
        PeerAway, PeerRefused
            When none could be asked.
        """
        peer = self._next(peers)
        if peer is None:
            return None
        self._away_until[peer.name] = monotonic() + _NOT_AGAIN_S
        counts = self._find(peer, study_uid)
        del self._away_until[peer.name]
        return counts

    def _next(self, peers: Sequence[str]) -> Peer | None:
        now = monotonic()
        able = (self._peers[name] for name in peers if name in self._peers)
        return next((peer for peer in able if self._away_until.get(peer.name, 0) <= now), None)

    def _find(self, peer: Peer, study_uid: str) -> Mapping[str, int] | None:
        there = find_series(self._ae_title, peer, study_uid, self._times)
        counts = {
            one.series_uid: one.instances for one in there if one.series_uid and one.instances
        }
        return counts or None
