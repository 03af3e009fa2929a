"""Versions of models that are recalled: no job uses them any more."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dicom_node.db import Place, RecallRow, makers_of
from dicom_node.db.upsert import insert_into
from engine.reason import Code, Reason

__all__ = ["Recall", "Recalls"]


@dataclass(frozen=True, slots=True)
class Recall:
    """One version of a model, recalled for good, whatever its digest.

    Parameters
    ----------
    ended : bool
        Whether all its jobs are refused and all its series rejected.
    """

    name: str
    version: str
    by: str
    why: str
    at: datetime
    ended: bool = False

    @property
    def reason(self) -> Reason:
        """Why a job by it is refused."""
        text = f"model {self.name} {self.version} was recalled by {self.by}: {self.why}"
        return Reason(Code.MODEL_RECALLED, text)

    @property
    def record(self) -> dict[str, str]:
        """The reason, as a job has it."""
        return {"code": str(self.reason.code), "text": self.reason.text}


class Recalls:
    """Recalled versions. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, model: tuple[str, str], by: str, why: str, now: datetime) -> Recall:
        """Recall a version; one that is recalled already keeps who did it, why and when."""
        name, version = model
        values = {"name": name, "version": version, "by": by, "why": why, "recalled_at": now}
        insert = insert_into(self._session, RecallRow).values(values)
        self._session.execute(insert.on_conflict_do_nothing())
        return self.all()[model]

    def all(self) -> dict[tuple[str, str], Recall]:
        """Return every recalled version, by name and version."""
        rows = self._session.scalars(select(RecallRow).order_by(RecallRow.recalled_at))
        return {(row.name, row.version): _recall(row) for row in rows}

    def of(self, name: str, version: str) -> Recall | None:
        """Return the recall of a version; None where there is none."""
        row = self._session.get(RecallRow, (name, version))
        return None if row is None else _recall(row)

    def against(self, places: Collection[Place]) -> dict[Place, Recall]:
        """Return the recall of the model that made each of some series; the others are absent.

        Asked by whoever hands out anything, last before the first byte leaves: a recall counts from
        its own commit on, whatever of its jobs was looked at since.

        Parameters
        ----------
        places : collection of (study UID, series UID)
        """
        recalled = self.all()
        makers = makers_of(self._session, places) if recalled else {}
        found = {at: recalled.get((by.model.name, by.model.version)) for at, by in makers.items()}
        return {place: recall for place, recall in found.items() if recall is not None}

    def ended(self, one: Recall, now: datetime) -> None:
        """Keep that all its jobs are refused and all its series rejected."""
        self._session.execute(
            update(RecallRow)
            .where(RecallRow.name == one.name, RecallRow.version == one.version)
            .values(ended_at=now)
        )


def _recall(row: RecallRow) -> Recall:
    ended = row.ended_at is not None
    return Recall(row.name, row.version, row.by, row.why, row.recalled_at, ended)
