"""Who is on which association, for as long as it lasts."""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4
from weakref import WeakKeyDictionary

from pynetdicom.association import Association

from dicom_node.settings import Peer

__all__ = ["Caller", "Callers"]


@dataclass(slots=True)
class Caller:
    """One admitted association; ``stored`` counts what it sent and was kept."""

    peer: Peer
    opened_at: datetime
    id: str = field(default_factory=lambda: str(uuid4()))
    stored: int = 0
    released: bool = False


class Callers:
    """Associations and who they are; entries go with their association."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: WeakKeyDictionary[Association, Caller] = WeakKeyDictionary()

    def admit(self, assoc: Association, peer: Peer, now: datetime) -> None:
        """Note who calls."""
        with self._lock:
            self._known[assoc] = Caller(peer, now)

    def of(self, assoc: Association) -> Caller | None:
        """Return who is on ``assoc``; None for one that was never let in."""
        with self._lock:
            return self._known.get(assoc)
