"""The stage: requests of one peer, each reported on until the peer has taken it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pynetdicom import build_role
from pynetdicom.association import Association

from dicom_node import log
from dicom_node.association.commitment.same import Line, Lines
from dicom_node.backoff import Daily, next_try
from dicom_node.commitment import Report, report_of
from dicom_node.db import Database
from dicom_node.dicom import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE, VERIFICATION
from dicom_node.errors import PeerAway, PeerError, PeerRefused
from dicom_node.promises import Promise, Promises, vouch
from dicom_node.scu import Extras, Ourselves, associated, plainly, takes
from dicom_node.settings import Peer

__all__ = ["PromiseStage", "Trying"]

_log = log.get("association")
_AT_ONCE = 20
_REMEMBERED = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Trying:
    """How a report is brought to a peer.

    Parameters
    ----------
    give_up : timedelta
        After which a report that the peer does not take is given up.
    refused_attempts : int
        So many refusals are final.
    same_s : float
        How long to wait for an answer on the association of the request.
    """

    give_up: timedelta
    refused_attempts: int
    same_s: float = 5.0


class PromiseStage:
    """Report to one peer on what it asked us to commit ourselves to.

    Parameters
    ----------
    ourselves : Ourselves
    peer : Peer
        Who is reported to; without a port, only on the association of its request.
    lines : Lines
        The open associations of requests.
    store : (Database, Path)
        The database, and the archive's folder.
    trying : Trying
    now : callable
        The clock, UTC: reporting takes time.
    """

    def __init__(
        self,
        ourselves: Ourselves,
        peer: Peer,
        lines: Lines,
        store: tuple[Database, Path],
        trying: Trying,
        now: Callable[[], datetime],
    ) -> None:
        self._ourselves = ourselves
        self._peer = peer
        self._lines = lines
        self._database, self._folder = store
        self._trying = trying
        self._now = now
        self._away = 0
        self._forgetting = Daily()

    def tick(self, now: datetime) -> int:
        """Report on every request that is due; return how many reports were taken."""
        self._forget(now)
        with self._database.reading() as session:
            due = Promises(session).due(self._peer.name, now, _AT_ONCE)
        elsewhere = [promise for promise in due if not self._on_its_own(promise)]
        taken = len(due) - len(elsewhere)
        if self._peer.port is None:
            for promise in elsewhere:
                if self._line(promise) is None:  # else it is merely busy, and will be quiet
                    self._nowhere(promise)
            return taken
        return taken + (self._on_ours(elsewhere) if elsewhere else 0)

    def _line(self, promise: Promise) -> Line | None:
        return self._lines.of(self._peer.name, promise.request.transaction_uid)

    def _on_its_own(self, promise: Promise) -> bool:
        """Report on the association of the request; False where that is over, or busy."""
        line = self._line(promise)
        if line is None or line.quiet_for() < self._lines.quiet_s:
            return False
        self._lines.drop(self._peer.name, promise.request.transaction_uid)
        status = line.send(self._report(promise), self._trying.same_s)
        if status != 0:
            return False
        self._taken(promise, "same")
        return True

    def _nowhere(self, promise: Promise) -> None:
        """Leave a request alone for a while whose association is over, and no other with it."""
        text = "has no port in peers.toml, and the association of its request is over"
        exc = PeerAway(f"{self._peer.name} {text}; add its port")
        _log.warning("report not taken", peer=self._peer.name, reports=1, why=str(exc))
        self._not_taken(promise, exc, next_try(self._now(), promise.attempts + 1))

    def _on_ours(self, promises: Sequence[Promise]) -> int:
        """Report on an association that we open, in the role of the provider (PS3.4 J.3.3)."""
        taken = done = 0
        try:
            contexts = plainly(VERIFICATION, STORAGE_COMMITMENT)
            extras = Extras(roles=(build_role(STORAGE_COMMITMENT, scp_role=True),))
            with associated(self._ourselves, self._peer, contexts, extras) as assoc:
                if not takes(assoc, STORAGE_COMMITMENT):
                    raise PeerAway(f"{self._peer.name} takes no reports of storage commitment")
                for promise in promises:
                    taken += self._on_a_new_one(promise, assoc)
                    done += 1
            self._away = 0
        except PeerAway as exc:
            self._later(promises[done:], exc)
        return taken

    def _on_a_new_one(self, promise: Promise, assoc: Association) -> bool:
        event_type, ds = report_of(self._report(promise))
        try:
            answer, _ = assoc.send_n_event_report(
                ds, event_type, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
            )
        except RuntimeError as exc:
            raise PeerAway(f"{self._peer.name} ended the association: {exc}") from exc
        status = answer.get("Status")
        if status is None:
            raise PeerAway(f"{self._peer.name} did not answer a report, or ended the association")
        if status:
            text = f"{self._peer.name} answered a report with 0x{status:04X}"
            self._not_taken(promise, PeerRefused(text), self._now())
            return False
        self._taken(promise, "new")
        return True

    def _report(self, promise: Promise) -> Report:
        senders, now = [self._peer.ae_title], self._now()
        with self._database.transaction() as session:  # what it says is kept before it is said
            report = vouch(session, self._folder, promise.request, senders, now)
        if report.failed:
            _log.warning("cannot commit", peer=self._peer.name, failed=len(report.failed),
                         transaction_uid=report.transaction_uid)  # fmt: skip
        return report

    def _taken(self, promise: Promise, association: str) -> None:
        with self._database.transaction() as session:
            Promises(session).reported(promise)
        self._lines.drop(self._peer.name, promise.request.transaction_uid)
        _log.info("commitment report taken", peer=self._peer.name, association=association,
                  transaction_uid=promise.request.transaction_uid)  # fmt: skip

    def _later(self, promises: Sequence[Promise], exc: PeerAway) -> None:
        """Leave a peer that is away alone for a while, with all that waits for it."""
        self._away += 1
        _log.warning("report not taken", peer=self._peer.name, reports=len(promises), why=str(exc))
        now = self._now()
        for promise in promises:
            self._not_taken(promise, exc, next_try(now, self._away))
        with self._database.transaction() as session:
            Promises(session).put_off(self._peer.name, next_try(now, self._away))

    def _not_taken(self, promise: Promise, exc: PeerError, due: datetime) -> None:
        now, refused = self._now(), isinstance(exc, PeerRefused)
        due = max(due, next_try(now, promise.attempts + 1)) if refused else due
        final = refused and promise.refusals + 1 >= self._trying.refused_attempts
        over = now - promise.asked_at >= self._trying.give_up
        with self._database.transaction() as session:
            promises = Promises(session)
            if final or over:
                promises.give_up(promise, str(exc))
                _log.warning("report given up", peer=self._peer.name, why=str(exc),
                             transaction_uid=promise.request.transaction_uid)  # fmt: skip
            else:
                promises.later(promise, due, str(exc), refused=refused)

    def _forget(self, now: datetime) -> None:
        """Once a day, drop what was settled weeks ago."""
        if not self._forgetting.is_due(now):
            return
        with self._database.transaction() as session:
            Promises(session).forget(self._peer.name, now - _REMEMBERED)
