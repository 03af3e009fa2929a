"""N-ACTION and N-EVENT-REPORT of the Storage Commitment Push Model (PS3.4 J)."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.events import Event

from dicom_node import log
from dicom_node.association.caller import Caller, Callers
from dicom_node.association.commitment.same import Lines
from dicom_node.commitment import (
    ASKED,
    CommitmentStatus,
    Request,
    answer_report,
    read_request,
)
from dicom_node.db import Database
from dicom_node.dicom import PARSER_ERRORS, STORAGE_COMMITMENT_INSTANCE
from dicom_node.errors import CommitmentInvalid, DatabaseAway
from dicom_node.outbox import Reports
from dicom_node.promises import Added, Promises

__all__ = ["CommitmentService"]

_log = log.get("association")
_Answer = tuple[int | Dataset, Dataset | None]
_Refusal = tuple[CommitmentStatus, str]
_REFUSED: Mapping[Added, _Refusal] = {
    Added.IN_USE: (
        CommitmentStatus.INVALID_ARGUMENT,
        "its transaction UID is in use for other instances",
    ),
    Added.FULL: (
        CommitmentStatus.OUT_OF_RESOURCES,
        "too many of its requests wait for it to take their report",
    ),
}


class CommitmentService:
    """Answers what callers ask and report.

    Parameters
    ----------
    database : Database
    lines : Lines
        Where associations that may take a report are noted.
    reports : Reports
        Takes what peers report on what we asked of them.
    now : callable
        The clock, UTC.
    """

    def __init__(
        self, database: Database, lines: Lines, reports: Reports, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._lines = lines
        self._reports = reports
        self._now = now

    def handlers(self, callers: Callers) -> list[Any]:
        """Return what a listener binds.

        Parameters
        ----------
        callers : Callers
            Who is on which association.
        """
        return [
            (evt.EVT_N_ACTION, self._on_action, [callers]),
            (evt.EVT_N_EVENT_REPORT, self._on_report, [callers]),
        ]

    def _on_action(self, event: Event, callers: Callers) -> _Answer:
        """Keep a request, then answer: what is kept is reported on, whatever happens to us."""
        caller = callers.of(event.assoc)
        if caller is None:  # cannot be: nobody is served who was not admitted
            return CommitmentStatus.PROCESSING_FAILURE, None
        status, why = self._asked(event, caller)
        if not status:
            return CommitmentStatus.SUCCESS, None
        _log.warning("request to commit refused", peer=caller.peer.name, why=why)
        return _failure(status, why), None

    def _asked(self, event: Event, caller: Caller) -> _Refusal:
        if against := _misplaced(event, caller):
            return against
        try:
            return self._keep(event, caller, read_request(event.action_information))
        except CommitmentInvalid as exc:
            return CommitmentStatus.INVALID_ARGUMENT, str(exc)
        except DatabaseAway as exc:
            return CommitmentStatus.OUT_OF_RESOURCES, str(exc)
        except PARSER_ERRORS as exc:
            return CommitmentStatus.PROCESSING_FAILURE, f"it cannot be read: {exc}"

    def _keep(self, event: Event, caller: Caller, request: Request) -> tuple[CommitmentStatus, str]:
        now, peer = self._now(), caller.peer.name
        due = now + timedelta(seconds=self._lines.quiet_s)
        with self._database.transaction() as session:
            added = Promises(session).add(peer, request, now, due)
        if added in _REFUSED:
            return _REFUSED[added]
        self._lines.note(peer, request.transaction_uid, event)
        _log.info("asked to commit", peer=peer, transaction_uid=request.transaction_uid,
                  instances=len(request.instances), again=added is Added.AGAIN)  # fmt: skip
        return CommitmentStatus.SUCCESS, ""

    def _on_report(self, event: Event, callers: Callers) -> _Answer:
        """Take a report; only that peer may report that was asked."""
        caller = callers.of(event.assoc)
        if caller is None:  # cannot be
            return CommitmentStatus.PROCESSING_FAILURE, None
        try:
            status, why = answer_report(
                lambda: event.event_information,
                lambda report: self._reports.take(caller.peer.name, report),
                PARSER_ERRORS,
            )
        except DatabaseAway as exc:
            status, why = CommitmentStatus.OUT_OF_RESOURCES, str(exc)
        if not status:
            return CommitmentStatus.SUCCESS, None
        _log.warning("report refused", peer=caller.peer.name, why=why)
        return _failure(status, why), None


def _misplaced(event: Event, caller: Caller) -> _Refusal | None:
    """Return why a request is none of a peer that may commit; None where it is one."""
    asked: Any = event.request
    if "commit" not in caller.peer.may:
        text = f"{caller.peer.name} may not commit; peers.toml says what it may"
        return CommitmentStatus.NOT_AUTHORISED, text
    if event.action_type != ASKED:
        text = f"Action Type ID {event.action_type}; 1 is wanted"
        return CommitmentStatus.NO_SUCH_ACTION, text
    if asked.RequestedSOPInstanceUID != STORAGE_COMMITMENT_INSTANCE:
        text = f"another SOP Instance UID; {STORAGE_COMMITMENT_INSTANCE} is wanted"
        return CommitmentStatus.NO_SUCH_INSTANCE, text
    return None


def _failure(status: CommitmentStatus, why: str) -> Dataset:
    """Return a status with its reason, as long as an Error Comment may be (PS3.7 C.4.2)."""
    ds = Dataset()
    ds.Status = int(status)
    ds.ErrorComment = why[:64]
    return ds
