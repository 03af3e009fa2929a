"""C-STORE: keep, then answer."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pynetdicom.events import Event

from dicom_node import log
from dicom_node.archive import Archive, Outcome, Received
from dicom_node.association.caller import Caller, Callers
from dicom_node.association.serving import Exchange, Service
from dicom_node.association.status import STATUS_OF, StoreStatus
from dicom_node.audit import Fate, count_apart
from dicom_node.content import head_of
from dicom_node.draws import Drawn
from dicom_node.errors import ArchiveError, BeyondLimits, DatabaseAway, NodeError
from dicom_node.probes import Probes
from dicom_node.transport import Field, OutOfMemory, TooMuch
from dicom_node.values import Origin

__all__ = ["Apart", "keep", "on_store", "store_service"]

_log = log.get("association")
_SLOW_S = 1.0


@dataclass(frozen=True, slots=True)
class Apart:
    """What a peer sends because we asked, and does not go into the archive.

    Parameters
    ----------
    probes : Probes
        Single instances that are looked at.
    drawn : Drawn or None
        Series that are drawn to learn from.
    """

    probes: Probes
    drawn: Drawn | None = None


def on_store(event: Event, archive: Archive, callers: Callers, apart: Apart) -> int:
    """Keep one instance, then answer (PS3.4 B.2.3).

    Success means: file in its place and fsynced, row committed, so a sender may delete. A bug is
    left to pynetdicom, which logs it and answers 0xC211; so does the data plane.
    """
    caller = callers.of(event.assoc)
    if caller is None:  # cannot be: nobody is served who was not admitted
        return StoreStatus.OUT_OF_RESOURCES
    request: Any = event.request
    announced = str(request.AffectedSOPClassUID or ""), str(request.AffectedSOPInstanceUID or "")
    syntax, content = str(event.context.transfer_syntax), event.encoded_dataset(include_meta=False)
    by = str(request.MoveOriginatorApplicationEntityTitle or "")
    originator = by, int(request.MoveOriginatorMessageID or 0)
    received = _received(content, syntax, announced, caller)
    return _take(received, originator, caller, archive, apart)


def store_service(caller: Caller, archive: Archive, apart: Apart) -> Service:
    """Return what answers the C-STORE requests of one association; see :func:`on_store`."""

    def serve(exchange: Exchange) -> None:
        uid = exchange.command.text(Field.AFFECTED_SOP_INSTANCE_UID)
        announced = exchange.sop_class_uid, uid
        by = exchange.command.text(Field.ORIGINATOR_AE_TITLE)
        originator = by, exchange.command.number(Field.ORIGINATOR_MESSAGE_ID)
        if exchange.message.refused is not None:
            status = _refuse(exchange.message.refused, caller)
        else:
            syntax, content = exchange.transfer_syntax_uid, exchange.message.content
            received = _received(content, syntax, announced, caller)
            status = _take(received, originator, caller, archive, apart)
        exchange.answer(status, fields={Field.AFFECTED_SOP_INSTANCE_UID: uid})

    return Service(serve, StoreStatus.OUR_BUG)


def _refuse(why: TooMuch, caller: Caller) -> int:
    """Return the status of an instance whose bytes were not kept while they came."""
    later = isinstance(why, OutOfMemory)
    status = StoreStatus.OUT_OF_RESOURCES if later else StoreStatus.BEYOND_LIMITS
    _log.warning("instance refused", peer=caller.peer.name, status=hex(status), why=str(why))
    return status


def _received(
    content: bytes, transfer_syntax_uid: str, announced: tuple[str, str], caller: Caller
) -> Received:
    """Return an instance as the archive takes it; SOP class and UID are those of the command."""
    return Received(
        content=content,
        transfer_syntax_uid=transfer_syntax_uid,
        sender=caller.peer.ae_title,
        origin=Origin.RECEIVED,
        announced=announced,
        association=(caller.id, caller.peer.name, caller.opened_at),
    )


def _take(
    received: Received,
    originator: tuple[str, int],
    caller: Caller,
    archive: Archive,
    apart: Apart,
) -> int:
    """Catch what is not to be archived, keep anything else; return the status to answer."""
    announced, syntax = received.announced or ("", ""), received.transfer_syntax_uid
    head = head_of(received.content)  # of bytes it is all of them
    if apart.probes.caught(caller.peer.name, announced, originator, head, syntax):
        count_apart(caller.tally, Fate.LOOKED_AT, received)
        return StoreStatus.SUCCESS
    try:
        if apart.drawn is not None and apart.drawn.caught(caller.peer.name, originator, received):
            count_apart(caller.tally, Fate.DRAWN, received)
            return StoreStatus.SUCCESS
    except (ArchiveError, DatabaseAway) as exc:
        return _not_kept(exc, received, caller)
    return keep(received, caller, archive)


def _not_kept(why: NodeError, received: Received, caller: Caller) -> int:
    """Tell that an instance was not kept; return the status to answer."""
    status = STATUS_OF.get(type(why), StoreStatus.OUT_OF_RESOURCES)
    _log.warning("instance refused", peer=caller.peer.name, status=hex(status), why=str(why))
    if not isinstance(why, BeyondLimits):  # nobody parses that, not even for its patient
        count_apart(caller.tally, Fate.REFUSED, received)
    return status


def keep(received: Received, caller: Caller, archive: Archive) -> int:
    """Keep one instance and return the status to answer."""
    began = perf_counter()
    try:
        kept = archive.keep(received)
    except (ArchiveError, DatabaseAway) as exc:
        return _not_kept(exc, received, caller)
    caller.tally.kept(kept)
    caller.stored += 1
    if kept.outcome is Outcome.DIFFERS:
        _log.warning(
            "instance conflicts",
            peer=caller.peer.name,
            study_uid=kept.study_uid,
            sop_instance_uid=kept.sop_instance_uid,
            why="the UID was here with other content; the first stays, this one lies apart",
        )
    if (took := perf_counter() - began) > _SLOW_S:
        _log.warning("instance slow", peer=caller.peer.name, seconds=round(took, 2))
    return StoreStatus.SUCCESS
