"""Who is on which association, for as long as it lasts."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4
from weakref import WeakKeyDictionary

from pynetdicom.association import Association

from dicom_node.association.door import Reason
from dicom_node.audit import Tally
from dicom_node.settings import Peer

__all__ = ["Caller", "Callers"]


@dataclass(slots=True)
class Caller:
    """One admitted association; ``stored`` counts what it sent and was kept.

    Parameters
    ----------
    address : str
        Where it comes from.
    tally : Tally
        What it brought and was not told to the audit trail yet.
    """

    peer: Peer
    opened_at: datetime
    address: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    tally: Tally = field(default_factory=Tally)
    stored: int = 0
    released: bool = False


class Callers:
    """Associations and who they are; entries go with their association."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Association, Caller] = WeakKeyDictionary()

    def admit(
        self, assoc: Association, caller: Caller, most: int, most_of_peer: int
    ) -> Reason | None:
        """Note who calls, or return why there is no room for one more.

        Parameters
        ----------
        most, most_of_peer : int
            Associations at once, of all peers and of this one.
        """
        with self._lock:
            there = [one.peer.name for which, one in self._known.items() if _is_open(which)]
            if len(there) >= most:
                return Reason.TOO_MANY
            if there.count(caller.peer.name) >= most_of_peer:
                return Reason.TOO_MANY_OF_PEER
            self._known[assoc] = caller
            return None

    def of(self, assoc: Association) -> Caller | None:
        """Return who is on ``assoc``; None for one that was never let in."""
        with self._lock:
            return self._known.get(assoc)


def _is_open(assoc: Association) -> bool:
    ended = assoc.is_released or assoc.is_aborted or assoc.is_rejected
    return assoc.is_alive() and not ended
