"""What peers have of a study that is not here: it may be what a rule believes to be missing."""

from collections.abc import Collection, Sequence
from time import monotonic

from dicom_node import log
from dicom_node.errors import PeerError
from dicom_node.scu import SeriesThere, find_series
from dicom_node.settings import Outbox, Peer

__all__ = ["Elsewhere", "may_be"]

_log = log.get("rules")
_NOT_AGAIN_S = 60.0
"""A peer that did not answer is left alone so long: other studies are not to wait for it."""
_MODALITY = {"CT": "CT", "CBCT": "CT", "PT": "PT"}
"""By the label that is made. Of MR nothing can be told from what a query gives."""
_OURS = "SYNTHETIC"


class Elsewhere:
    """Ask every peer of peers.toml that may be asked to find.

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
        self._peers = tuple(peer for peer in peers if "find" in peer.ask and peer.port)
        self._times = times
        self._away_until: dict[str, float] = {}

    def series(self, study_uid: str, here: Collection[str]) -> tuple[SeriesThere, ...]:
        """Return the series of a study that peers have beside those ``here``.

        A peer that does not answer is passed over, and the log says so: waiting for it would keep
        an image from somebody who needs it.
        """
        found: list[SeriesThere] = []
        for peer in self._peers:
            if self._away_until.get(peer.name, 0.0) > monotonic():
                continue
            try:
                found += find_series(self._ae_title, peer, study_uid, self._times)
            except PeerError as exc:
                self._away_until[peer.name] = monotonic() + _NOT_AGAIN_S
                _log.warning("peer not asked", study_uid=study_uid, why=str(exc))
        return tuple(one for one in found if one.series_uid not in here)


def may_be(label: str, one: SeriesThere) -> bool:
    """Whether a series that is only known by a query may be an acquired ``label``.

    Its label cannot be known without its objects; where its modality allows it, it is not certain
    that the label is missing. A series that calls itself synthetic is none.
    """
    return one.modality == _MODALITY.get(label, "-") and _OURS not in one.description.upper()
