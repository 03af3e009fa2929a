"""C-STORE: keep, then answer."""

from time import perf_counter
from typing import Any

from pynetdicom.events import Event

from dicom_node import log
from dicom_node.archive import Archive, Outcome, Received
from dicom_node.association.caller import Caller, Callers
from dicom_node.association.status import STATUS_OF, StoreStatus
from dicom_node.errors import ArchiveError, DatabaseAway
from dicom_node.values import Origin

__all__ = ["keep", "on_store"]

_log = log.get("association")
_SLOW_S = 1.0


def on_store(event: Event, archive: Archive, callers: Callers) -> int:
    """Keep one instance, then answer (PS3.4 B.2.3).

    Success means: file in its place and fsynced, row committed, so a sender may delete. A bug is
    left to pynetdicom, which logs it and answers 0xC211; so does the data plane.
    """
    caller = callers.of(event.assoc)
    if caller is None:  # cannot be: nobody is served who was not admitted
        return StoreStatus.OUT_OF_RESOURCES
    request: Any = event.request
    announced = str(request.AffectedSOPClassUID or ""), str(request.AffectedSOPInstanceUID or "")
    syntax = str(event.context.transfer_syntax)
    return keep(event.encoded_dataset(include_meta=False), syntax, announced, caller, archive)


def keep(
    content: bytes,
    transfer_syntax_uid: str,
    announced: tuple[str, str],
    caller: Caller,
    archive: Archive,
) -> int:
    """Keep one encoded data set and return the status to answer.

    Parameters
    ----------
    announced : (SOP Class UID, SOP Instance UID)
        Of the command.
    """
    association = (caller.id, caller.peer.name, caller.opened_at)
    received = Received(
        content=content,
        transfer_syntax_uid=transfer_syntax_uid,
        sender=caller.peer.ae_title,
        origin=Origin.RECEIVED,
        announced=announced,
        association=association,
    )
    began = perf_counter()
    try:
        kept = archive.keep(received)
    except (ArchiveError, DatabaseAway) as exc:
        status = STATUS_OF.get(type(exc), StoreStatus.OUT_OF_RESOURCES)
        _log.warning("instance refused", peer=caller.peer.name, status=hex(status), why=str(exc))
        return status
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
