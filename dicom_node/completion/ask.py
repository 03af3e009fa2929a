"""Ask the sender how many instances it has: C-FIND at series level."""

from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Protocol

from pydicom.dataset import Dataset
from pynetdicom import build_context

from dicom_node.dicom import STUDY_ROOT_FIND
from dicom_node.errors import PeerRefused
from dicom_node.scu import associated
from dicom_node.settings import Outbox, Peer

__all__ = ["AskSender", "Asks"]

_PENDING = (0xFF00, 0xFF01)
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
        contexts = [build_context(STUDY_ROOT_FIND)]
        with associated(self._ae_title, peer, contexts, self._times) as assoc:
            return _found(assoc.send_c_find(_question(study_uid), STUDY_ROOT_FIND), peer.name)


def _question(study_uid: str) -> Dataset:
    """PS3.4 C.6.2.1: series of a study, with Number of Series Related Instances (0020,1209)."""
    ds = Dataset()
    ds.QueryRetrieveLevel = "SERIES"
    ds.StudyInstanceUID = study_uid
    ds.SeriesInstanceUID = ""
    ds.NumberOfSeriesRelatedInstances = ""
    return ds


def _found(answers: object, peer: str) -> Mapping[str, int] | None:
    counts: dict[str, int] = {}
    for status, identifier in answers:  # type: ignore[attr-defined]
        code = status.get("Status")
        if code not in (0x0000, *_PENDING):
            seen = "no answer" if code is None else f"status 0x{code:04X}"
            raise PeerRefused(f"{peer} gave {seen} to a query for series of a study")
        if identifier is not None:
            counts.update(_count(identifier, peer))
    return counts or None


def _count(identifier: Dataset, peer: str) -> Mapping[str, int]:
    """Return series and number of one answer; nothing where it lacks one of them."""
    try:
        uid = str(identifier.get("SeriesInstanceUID") or "")
        number = int(identifier.get("NumberOfSeriesRelatedInstances") or 0)
    except (TypeError, ValueError) as exc:
        raise PeerRefused(f"{peer} counts what is no number: {exc}") from exc
    return {uid: number} if uid and number else {}
