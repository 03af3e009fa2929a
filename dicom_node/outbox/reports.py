"""Reports of storage commitment, on whichever association they come."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from dicom_node import log
from dicom_node.commitment import Report, Taken
from dicom_node.db import Database
from dicom_node.outbox.receipts import Receipts

__all__ = ["Reports"]

_log = log.get("outbox")


class Reports:
    """Takes reports: on the association of the request, or on a new one hours later.

    Parameters
    ----------
    store : (Database, Path)
        The database, and the archive's folder.
    speaks_for : mapping
        Name of a peer to those whose AE title it has, itself among them: only what was asked of
        one of these is its to report.
    resends : int
        See :class:`Receipts`.
    now : callable
        The clock, UTC.
    """

    def __init__(
        self,
        store: tuple[Database, Path],
        speaks_for: Mapping[str, frozenset[str]],
        resends: int,
        now: Callable[[], datetime],
    ) -> None:
        self._database, self._folder = store
        self._speaks_for = speaks_for
        self._resends = resends
        self._now = now

    def take(self, peer: str, report: Report) -> Taken:
        """Take a report of ``peer``.

        Raises
        ------
        DatabaseAway
            When it could not be kept: the peer is to send it again.
        """
        failed = len(report.failed)
        _log.info("commitment reported", peer=peer, transaction_uid=report.transaction_uid,
                  held=len(report.held), failed=failed)  # fmt: skip
        mine = self._speaks_for.get(peer, frozenset())
        with self._database.transaction() as session:
            receipts = Receipts(session, self._folder, self._resends)
            taken = receipts.reported(report, mine, self._now())
        if failed and taken is Taken.NEWS:
            _log.warning("not committed", peer=peer, instances=failed, why="see 'dicom-node why'")
        return taken

    def is_open(self, transaction_uid: str) -> bool:
        """Whether a transaction still waits for its report."""
        with self._database.reading() as session:
            return Receipts(session, self._folder, self._resends).is_open(transaction_uid)
