"""What the listener tells the audit trail: who was refused, what was asked, what was brought."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.archive import Archive
from dicom_node.association.caller import Caller
from dicom_node.association.door import Reason, Refused
from dicom_node.audit import US, Audit, Outcome, Remote, alerts, events, events_of, remote_of
from dicom_node.db import Database
from dicom_node.settings import Peer

__all__ = ["Telling", "refusal_teller", "tell"]


@dataclass(frozen=True, slots=True)
class Telling:
    """Where events go, and the clock, UTC."""

    audit: Audit
    now: Callable[[], datetime]

    def query(self, caller: Caller, asked: events.Asked, outcome: Outcome) -> None:
        """Record that a caller asked (PS3.15 A.5.3.10): before it is answered."""
        if self.audit.on:
            peer = remote_of(caller.peer, caller.address)
            way = events.Way(source=peer, destination=US, requestor=peer)
            self.audit.record(events.query(self.now(), way, asked, outcome))


def refusal_teller(telling: Telling, peers: Sequence[Peer]) -> Callable[[Refused], None]:
    """Return what tells of each connection or association that is refused (A.5.3.11).

    One that ends later for what the peer did was let in before, and is in the ordinary log.
    """
    known = {peer.name: peer for peer in peers}

    def told(refused: Refused) -> None:
        if refused.reason is Reason.BROKEN_OFF or not telling.audit.on:
            return
        peer = None if refused.reason is Reason.UNKNOWN_CALLER else known.get(refused.peer)
        if peer is None:
            caller = Remote(refused.peer or refused.address, refused.peer, refused.address)
        else:
            caller = remote_of(peer, refused.address)
        why = f"{refused.reason}: {refused.why}" if refused.why else str(refused.reason)
        telling.audit.record(alerts.node_refused(telling.now(), caller, why))

    return told


def tell(caller: Caller, telling: Telling, database: Database, archive: Archive) -> None:
    """Record what an association brought since it was last told (PS3.15 A.5.3.7)."""
    brought = caller.tally.take()
    if not brought or not telling.audit.on:
        return
    peer = remote_of(caller.peer, caller.address)
    way = events.Way(source=peer, destination=US, requestor=peer)
    telling.audit.record(*events_of(brought, way, telling.now, (database, archive.folder)))
