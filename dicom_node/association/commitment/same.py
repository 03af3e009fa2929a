"""A report on the association of its request, while that is open and quiet."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from time import monotonic, sleep
from typing import Any
from weakref import WeakKeyDictionary

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.events import Event

from dicom_node.association.serving import Inbox
from dicom_node.commitment import Report, report_of
from dicom_node.dicom import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE

__all__ = ["Line", "Lines"]

_MESSAGE = 1
_LOOK_EVERY_S = 0.005


@dataclass(slots=True)
class _Ear:
    """When an association was last heard."""

    at: float

    def hear(self, _event: Event) -> None:
        self.at = monotonic()


@dataclass(frozen=True, slots=True)
class Line:
    """An open association on which a report may go out."""

    assoc: Association
    context_id: int
    ear: _Ear

    def quiet_for(self) -> float:
        """Return how long nothing came, in seconds."""
        return monotonic() - self.ear.at

    def send(self, report: Report, limit_s: float) -> int | None:
        """Send a report; return the status that it was answered with, None where it was not.

        pynetdicom's own way would abort the association, were another request of the peer the next
        thing to come. So its reactor is held, and what is no answer is put back for it.
        """
        request = self._request(report)
        assoc: Any = self.assoc  # no part of its public face holds the reactor
        assoc._reactor_checkpoint.clear()  # noqa: SLF001
        try:
            if not _until(lambda: assoc._is_paused or not assoc.is_established, limit_s):  # noqa: SLF001
                return None
            if not assoc.is_established or assoc.dimse.peek_msg()[1] is not None:
                return None
            assoc.dimse.send_msg(request, self.context_id)
            return _answer(assoc, limit_s)
        finally:
            assoc._reactor_checkpoint.set()  # noqa: SLF001

    def _request(self, report: Report) -> N_EVENT_REPORT:
        event_type, ds = report_of(report)
        (context,) = (c for c in self.assoc.accepted_contexts if c.context_id == self.context_id)
        syntax = context.transfer_syntax[0]
        kind = syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
        request = N_EVENT_REPORT()
        request.MessageID = _MESSAGE
        request.AffectedSOPClassUID = STORAGE_COMMITMENT
        request.AffectedSOPInstanceUID = STORAGE_COMMITMENT_INSTANCE
        request.EventTypeID = event_type
        request.EventInformation = BytesIO(encode(ds, *kind) or b"")
        return request


class Lines:
    """The open association of each request that is not reported on.

    Parameters
    ----------
    quiet_s : float
        How long nothing may have come before a report is sent.
    """

    def __init__(self, quiet_s: float = 1.0) -> None:
        self.quiet_s = quiet_s
        self._lock = threading.Lock()
        self._ears: WeakKeyDictionary[Association, _Ear] = WeakKeyDictionary()
        self._lines: dict[tuple[str, str], Line] = {}

    def note(self, peer: str, transaction_uid: str, event: Event) -> None:
        """Note on which association a transaction was asked for."""
        assoc, context_id = event.assoc, int(event.context.context_id or 0)
        with self._lock:
            ear = self._ears.get(assoc)
            if ear is None:
                ear = self._ears[assoc] = _Ear(monotonic())
                assoc.bind(evt.EVT_PDU_RECV, ear.hear)
            gone = [key for key, line in self._lines.items() if not line.assoc.is_established]
            for key in gone:
                del self._lines[key]
            self._lines[peer, transaction_uid] = Line(assoc, context_id, ear)

    def of(self, peer: str, transaction_uid: str) -> Line | None:
        """Return the association of a request; None where it has ended."""
        with self._lock:
            line = self._lines.get((peer, transaction_uid))
        return line if line is not None and line.assoc.is_established else None

    def drop(self, peer: str, transaction_uid: str) -> None:
        """Forget a request: it is reported on, or has to be elsewhere."""
        with self._lock:
            self._lines.pop((peer, transaction_uid), None)


def _until(holds: Callable[[], bool], limit_s: float) -> bool:
    """Wait until something holds; False when it does not in time."""
    until = monotonic() + limit_s
    while not holds():
        if monotonic() > until:
            return False
        sleep(_LOOK_EVERY_S)
    return True


def _answer(assoc: Any, limit_s: float) -> int | None:
    """Return the status of our report's answer; other messages go back into the queue.

    They are not to be served here: whoever asks on would keep the stage to itself.
    """
    others: list[Any] = []
    status: int | None = None
    until = monotonic() + limit_s
    provider = Inbox.behind(assoc)
    while status is None and assoc.is_established and monotonic() < until:
        found = provider.get_msg(block=False)
        if found[1] is None:
            sleep(_LOOK_EVERY_S)
        elif isinstance(found[1], N_EVENT_REPORT) and found[1].is_valid_response:
            status = int(found[1].Status or 0)
        else:
            others.append(found)
    waiting = provider.msg_queue
    with waiting.mutex:
        waiting.queue.extendleft(reversed(others))
    return status
