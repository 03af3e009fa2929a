"""Who is sending to which study, and how each association ended: the evidence of completion."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dicom_node.db import AssociationRow, InstanceRow, SendingRow, StudyRow, instance_of
from dicom_node.values import Instance, Origin, StudyState

__all__ = ["INGEST", "AssociationEnd", "Associations"]

INGEST = "INGEST"
"""The peer's name of files from disk."""


class AssociationEnd(StrEnum):
    """How an association ended: only a release says that all was sent as meant."""

    RELEASED = "released"
    ABORTED = "aborted"
    LOST = "lost"


class Associations:
    """Associations that have sent something. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ended(self, association_id: str, now: datetime, *, released: bool) -> None:
        """Note the end of an association.

        A release says that its studies were sent as meant; anything else, that they were cut off.
        """
        how = AssociationEnd.RELEASED if released else AssociationEnd.ABORTED
        self._close([association_id], now, how)

    def left_open(
        self, titles: Mapping[str, str], folder: Path
    ) -> list[tuple[str, list[Instance]]]:
        """Return what associations that never ended brought: peer, and instances of one study.

        An instance that came on two associations at once may be there twice.

        Parameters
        ----------
        titles : mapping
            Peer to AE title.
        folder : Path
            Of the archive.
        """
        open_ones = self._session.execute(
            select(AssociationRow.peer, AssociationRow.opened_at, SendingRow.study_uid)
            .join(SendingRow, SendingRow.association_id == AssociationRow.id)
            .where(AssociationRow.closed_at.is_(None), AssociationRow.peer != INGEST)
            .order_by(AssociationRow.opened_at, SendingRow.study_uid)
        ).all()
        found = []
        for peer, opened_at, study_uid in open_ones:
            rows = self._session.scalars(
                select(InstanceRow)
                .where(
                    InstanceRow.study_uid == study_uid,
                    InstanceRow.received_at >= opened_at,
                    InstanceRow.origin == Origin.RECEIVED,
                    InstanceRow.sender == titles.get(peer, ""),
                )
                .order_by(InstanceRow.sop_instance_uid)
            )
            found.append((peer, [instance_of(row, folder) for row in rows]))
        return [(peer, instances) for peer, instances in found if instances]

    def lost(self, now: datetime) -> int:
        """Note that every association still open went down with an earlier process.

        Returns
        -------
        int
            How many.
        """
        open_ones = select(AssociationRow.id).where(
            AssociationRow.closed_at.is_(None), AssociationRow.peer != INGEST
        )
        ids = list(self._session.scalars(open_ones))
        if ids:
            self._close(ids, now, AssociationEnd.LOST)
        return len(ids)

    def restart_quiet(self, now: datetime) -> None:
        """Let the quiet period of every study in reception begin now: nobody could send before."""
        self._session.execute(
            update(StudyRow).where(StudyRow.state == StudyState.RECEIVING).values(last_at=now)
        )

    def _close(self, ids: Sequence[str], now: datetime, how: AssociationEnd) -> None:
        self._session.execute(
            update(AssociationRow)
            .where(AssociationRow.id.in_(ids), AssociationRow.closed_at.is_(None))
            .values(closed_at=now, ended=how)
        )
        studies = select(SendingRow.study_uid).where(SendingRow.association_id.in_(ids))
        self._session.execute(
            update(StudyRow)
            .where(StudyRow.uid.in_(studies), StudyRow.state == StudyState.RECEIVING)
            .values(interrupted=how is not AssociationEnd.RELEASED)
        )
