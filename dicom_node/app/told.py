"""What the node tells the audit trail of itself: that it starts and stops, and with what."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from dicom_node import log
from dicom_node.audit import (
    US,
    Action,
    Audit,
    Event,
    Inventory,
    Remote,
    alerts,
    audit_folder,
    events,
    person_of,
    read_study,
    remote_of,
)
from dicom_node.catalogue import Catalogue
from dicom_node.destination import Target
from dicom_node.destination.told import tell_end
from dicom_node.notes import Stopped
from dicom_node.scu import Inquiry
from dicom_node.settings import Settings
from dicom_node.values import Instance

__all__ = ["end_teller", "query_teller", "tell_left_open", "tell_started", "tell_stopped"]

_log = log.get("audit")
_COUNTED = "the node ended before the association did; counted in the archive at the next start"


def tell_started(
    audit: Audit,
    now: datetime,
    settings: Settings,
    catalogue: Catalogue,
    environ: Mapping[str, str],
) -> None:
    """Record that the node starts, and the configuration that it starts with."""
    if not audit.on:
        return
    audit.record(alerts.application_started(now, person_of(environ)))
    models = {
        f"{one.identity.name} {one.identity.version}": one.identity.digest
        for one in catalogue.versions
    }
    inventory, trail = Inventory.of(settings, models), audit_folder(settings)
    audit.record(*inventory.events(now, trail))
    try:
        inventory.keep(trail)
    except OSError as exc:
        _log.warning("configuration not noted", why=str(exc))


def tell_stopped(audit: Audit, now: datetime, environ: Mapping[str, str]) -> None:
    """Record that the node stops, after what was only counted."""
    audit.flush(None)
    audit.record(alerts.application_stopped(now, person_of(environ)))


def tell_left_open(
    audit: Audit,
    now: datetime,
    left: Sequence[tuple[str, Sequence[Instance]]],
    settings: Settings,
) -> None:
    """Record what associations brought whose end the node did not live to see."""
    audit.record(*_left_open(now, left, settings))


def query_teller(audit: Audit, now: Callable[[], datetime]) -> Callable[[Inquiry], None] | None:
    """Return what tells of each query that we make (PS3.15 A.5.3.10); None where nobody listens."""
    if not audit.on:
        return None

    def tell(inquiry: Inquiry) -> None:
        way = events.Way(source=US, destination=remote_of(inquiry.peer), requestor=US)
        asked = events.Asked(inquiry.sop_class_uid, inquiry.identifier, inquiry.transfer_syntax_uid)
        audit.record(events.query(now(), way, asked))

    return tell


def end_teller(audit: Audit, targets: Callable[[], Sequence[Target]]) -> Stopped:
    """Return what tells of a delivery that is taken back before it has ended."""

    def tell(
        now: datetime, name: str, answered: Sequence[tuple[Instance, int | None]], error: str
    ) -> None:
        if audit.on:
            who = {target.who.name: target.who for target in targets()}
            tell_end(audit, now, who.get(name, Remote(name)), answered, error)

    return tell


def _left_open(
    now: datetime, left: Sequence[tuple[str, Sequence[Instance]]], settings: Settings
) -> Iterator[Event]:
    peers = {peer.name: remote_of(peer) for peer in settings.peers}
    for name, instances in left:
        peer = peers.get(name) or Remote(name)
        way = events.Way(source=peer, destination=US, requestor=peer)
        classes = tuple(sorted(Counter(one.sop_class_uid for one in instances).items()))
        study = read_study(instances[0].study_uid, classes, instances[0].path)
        yield events.instances_transferred(now, way, study, Action.CREATE, because=_COUNTED)
