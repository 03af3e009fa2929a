"""Storage commitment as its user: a request on an association of ours, the report whenever."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from time import monotonic

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event as Message

from dicom_node import log
from dicom_node.commitment import ASKED, Reference, Request, answer_report, request_of
from dicom_node.dicom import (
    PARSER_ERRORS,
    STORAGE_COMMITMENT,
    STORAGE_COMMITMENT_INSTANCE,
    VERIFICATION,
)
from dicom_node.errors import DatabaseAway, PeerAway, PeerRefused
from dicom_node.outbox import Reports
from dicom_node.scu import Extras, Ourselves, associated, plainly, takes
from dicom_node.settings import Peer

__all__ = ["Commitments", "Line"]

_log = log.get("destination")
_LOOK_EVERY_S = 0.1
_OUT_OF_RESOURCES = 0x0213


class Line:
    """An association on which one request is made, and its report may come."""

    def __init__(self, assoc: Association, peer: str, answer_s: float) -> None:
        self._assoc = assoc
        self._peer = peer
        self._answer_s = answer_s

    def ask(self, transaction_uid: str, instances: Sequence[Reference]) -> None:
        """Ask the peer to commit itself (PS3.4 J.3.2.1).

        Raises
        ------
        PeerAway
            When it does not answer: it may have taken the request all the same.
        PeerRefused
            When it answers with a failure.
        """
        request = request_of(Request(transaction_uid, tuple(instances)))
        try:
            answer, _ = self._assoc.send_n_action(
                request, ASKED, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
            )
        except RuntimeError as exc:
            raise PeerAway(f"{self._peer} ended the association: {exc}") from exc
        status = answer.get("Status")
        if status is None:
            text = f"{self._peer} did not answer a request to commit in {self._answer_s:g} s"
            raise PeerAway(f"{text}, or ended the association")
        if status:
            raise PeerRefused(f"{self._peer} answered a request to commit with 0x{status:04X}")

    def wait(self, is_open: Callable[[], bool], limit_s: float, stop: Event) -> None:
        """Stay for the report, which may come here or elsewhere; not for long."""
        until = monotonic() + limit_s
        while is_open() and self._assoc.is_established and monotonic() < until:
            if stop.wait(_LOOK_EVERY_S):
                return


class Commitments:
    """Asks one peer to commit itself to what it was sent.

    Parameters
    ----------
    ourselves : Ourselves
    peer : Peer
        With a port.
    reports : Reports
        Takes what it reports.
    """

    def __init__(self, ourselves: Ourselves, peer: Peer, reports: Reports) -> None:
        self._ourselves = ourselves
        self._peer = peer
        self._reports = reports

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Give an association on which one request can be made.

        Raises
        ------
        PeerAway, PeerRefused
            When there is none; when the peer does not accept the service.
        """
        contexts = plainly(VERIFICATION, STORAGE_COMMITMENT)
        extras = Extras(handlers=((evt.EVT_N_EVENT_REPORT, self._on_report),))
        with associated(self._ourselves, self._peer, contexts, extras) as assoc:
            if not takes(assoc, STORAGE_COMMITMENT):
                raise PeerRefused(f"{self._peer.name} does not accept storage commitment")
            yield Line(assoc, self._peer.name, self._ourselves.times.answer_s)

    def is_open(self, transaction_uid: str) -> bool:
        """Whether no report on it came yet."""
        return self._reports.is_open(transaction_uid)

    def _on_report(self, event: Message) -> tuple[int, Dataset | None]:
        try:
            status, why = answer_report(
                lambda: event.event_information,
                lambda report: self._reports.take(self._peer.name, report),
                PARSER_ERRORS,
            )
        except DatabaseAway as exc:
            _log.warning("report not kept", peer=self._peer.name, why=str(exc))
            return _OUT_OF_RESOURCES, None
        if why:
            _log.warning("report refused", peer=self._peer.name, why=why)
        return status, None
