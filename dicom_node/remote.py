"""The archive of a peer: what it has of a study, down to the instance, and how it is fetched."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from time import monotonic

from pydicom.dataset import Dataset
from pynetdicom.association import Association

from dicom_node.dicom import STUDY_ROOT_FIND, STUDY_ROOT_MOVE
from dicom_node.errors import PeerRefused
from dicom_node.probes import DRAW, LOOK
from dicom_node.scu import (
    PENDING,
    SUCCESS,
    Ourselves,
    SeriesThere,
    answers_to,
    associated,
    find_series,
    plainly,
    takes,
)
from dicom_node.settings import Peer

__all__ = ["Keep", "Place", "Remote", "StudyThere"]

Keep = Callable[[str, bytes], None]
"""Keeps a DICOM file that was retrieved by a SOP Instance UID."""

_MESSAGE = 1
_WHY = {
    0xA701: "out of resources",
    0xA702: "out of resources",
    0xA801: "it does not know our AE title as a place to move to; add it there",
    0xB000: "some of it failed",
    0xFE00: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a series of a study, or one instance of it."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str = ""

    def question(self, level: str, keywords: Sequence[str] = ()) -> Dataset:
        """Return the identifier that asks for it (PS3.4 C.4.1.1.3, C.6.2.1)."""
        ds = Dataset()
        ds.QueryRetrieveLevel = level
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study_uid, self.series_uid
        for keyword in keywords:
            setattr(ds, keyword, None)
        if self.sop_instance_uid:
            ds.SOPInstanceUID = self.sop_instance_uid
        return ds


@dataclass(frozen=True, slots=True)
class StudyThere:
    """A study as a peer knows it; ``patient_id`` is empty where it does not say."""

    study_uid: str
    patient_id: str


class Remote:
    """Asks one peer by C-FIND, and fetches from it by C-MOVE; an association per question.

    Parameters
    ----------
    ourselves : Ourselves
        C-MOVE has instances sent to our AE title.
    peer : Peer
        With a port.
    """

    def __init__(self, ourselves: Ourselves, peer: Peer) -> None:
        self._ourselves = ourselves
        self._peer = peer

    @property
    def name(self) -> str:
        """The peer's."""
        return self._peer.name

    @property
    def together(self) -> int:
        """So many objects are asked for at once: a list of UIDs is one value."""
        return 200

    def within(self, limit_s: float) -> "Remote":
        """Return the same, who waits no longer for a connection, and for an answer."""
        times = self._ourselves.times.within(limit_s)
        return Remote(replace(self._ourselves, times=times), self._peer)

    def series(self, study_uid: str) -> tuple[SeriesThere, ...]:
        """Return the series that it has of a study.

        Raises
        ------
        PeerAway, PeerRefused
            When it cannot be asked, or answers with a failure or with nonsense.
        """
        return find_series(self._ourselves, self._peer, study_uid)

    def studies(self, first: date, last: date) -> tuple[StudyThere, ...]:
        """Return the studies that it has of these days: C-FIND at study level (PS3.4 C.6.2.1).

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`; also where there are more than it tells in one answer.
        """
        question = Dataset()
        question.QueryRetrieveLevel = "STUDY"
        question.StudyDate = f"{first:%Y%m%d}-{last:%Y%m%d}"
        question.StudyInstanceUID = question.PatientID = ""
        with associated(self._ourselves, self._peer, plainly(STUDY_ROOT_FIND)) as assoc:
            found = answers_to(self._ourselves, self._peer, assoc, question)
            pairs = [(one.get("StudyInstanceUID"), one.get("PatientID")) for one in found]
        return tuple(StudyThere(str(uid), str(who or "").strip()) for uid, who in pairs if uid)

    def images(self, place: Place) -> frozenset[str]:
        """Return the SOP Instance UIDs that it lists of a series; of nobody else's.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`.
        """
        contexts = plainly(STUDY_ROOT_FIND)
        with associated(self._ourselves, self._peer, contexts) as assoc:
            question = place.question("IMAGE", ("SOPInstanceUID",))
            found = answers_to(self._ourselves, self._peer, assoc, question)
            return frozenset(uid for one in found if (uid := str(one.get("SOPInstanceUID") or "")))

    def one(self, place: Place, keywords: Sequence[str]) -> Dataset | None:
        """Return what it tells of one instance of a series; None where it lists none.

        Two questions: one that ends with the first UID, one for the attributes of that alone. An
        archive may have to open a file for each instance whose attributes are asked for.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`series`.
        """
        contexts = plainly(STUDY_ROOT_FIND)
        with associated(self._ourselves, self._peer, contexts) as assoc:
            uid = self._first(assoc, place)
            if not uid:
                return None
            question = Place(place.study_uid, place.series_uid, uid).question("IMAGE", keywords)
            answers = [*answers_to(self._ourselves, self._peer, assoc, question)]
            for answer in answers[:1]:
                answer.SOPInstanceUID = uid
                answer.SeriesInstanceUID = place.series_uid
            return answers[0] if answers else None

    def move(self, place: Place, limit_s: float) -> int:
        """Have a series, or one instance, sent to us; return how many came.

        Parameters
        ----------
        limit_s : float
            How long it may take; the association is then aborted.

        Raises
        ------
        PeerAway, PeerRefused
            When it cannot be asked, did not send all of it, or is late.
        """
        if place.sop_instance_uid:
            return self._move(place.question("IMAGE"), LOOK, limit_s)
        return self._move(place.question("SERIES"), _MESSAGE, limit_s)

    def bring(self, place: Place, uids: Sequence[str], keep: Keep, limit_s: float) -> int:  # noqa: ARG002
        """Have instances of a series sent to us, to learn from; return how many came.

        Parameters
        ----------
        uids : sequence of str
            SOP Instance UIDs, :attr:`together` at most.
        keep : callable
            Not called: our listener keeps what comes.
        limit_s : float
            How long it may take.

        Raises
        ------
        PeerAway, PeerRefused
            As :meth:`move`.
        """
        question = place.question("IMAGE")
        question.SOPInstanceUID = [*uids]
        return self._move(question, DRAW, limit_s)

    def _move(self, question: Dataset, message_id: int, limit_s: float) -> int:
        until = monotonic() + limit_s
        times = self._ourselves.times.model_copy(update={"answer_s": limit_s})
        contexts = plainly(STUDY_ROOT_MOVE)
        with associated(replace(self._ourselves, times=times), self._peer, contexts) as assoc:
            if not takes(assoc, STUDY_ROOT_MOVE):
                raise PeerRefused(f"{self.name} moves nothing by the Study Root model")
            answers = assoc.send_c_move(
                question, self._ourselves.ae_title, STUDY_ROOT_MOVE, msg_id=message_id
            )
            status = Dataset()
            for status, _ in answers:
                if status.get("Status") not in PENDING:
                    break
                if monotonic() > until:
                    assoc.abort()
                    raise PeerRefused(f"{self.name} had not sent all in {limit_s:g} s")
        return self._moved(status)

    def _first(self, assoc: Association, place: Place) -> str:
        uid = ""
        question = place.question("IMAGE", ("SOPInstanceUID",))
        found = answers_to(self._ourselves, self._peer, assoc, question, cancels=True)
        for answer in found:
            if not uid and (uid := str(answer.get("SOPInstanceUID") or "")):
                assoc.send_c_cancel(_MESSAGE, query_model=STUDY_ROOT_FIND)
        return uid

    def _moved(self, status: Dataset) -> int:
        """Return the number of the last answer (PS3.4 C.4.2.1.5, C.4.2.1.8)."""
        code = status.get("Status")
        if code is None:
            raise PeerRefused(f"{self.name} ended the association before all was sent")
        failed = int(status.get("NumberOfFailedSuboperations") or 0)
        came = int(status.get("NumberOfCompletedSuboperations") or 0) + int(
            status.get("NumberOfWarningSuboperations") or 0
        )
        if code != SUCCESS or failed:
            why = _WHY.get(code, "it could not")
            text = f"{self.name} answered C-MOVE with 0x{code:04X}: {why}"
            raise PeerRefused(f"{text}; {came} came, {failed} failed")
        return came
