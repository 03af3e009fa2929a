"""Series that somebody asked for, although no rule makes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import RequestRow
from dicom_node.db.upsert import insert_into
from engine.reason import Code, Reason

__all__ = ["Request", "Requests"]

_GONE = Reason(Code.TASK_UNKNOWN, "its task is no longer in tasks/; put it back")
_KEY = ("study_uid", "task", "asked_by", "via")


@dataclass(frozen=True, slots=True)
class Request:
    """What one person or machine asked for.

    Parameters
    ----------
    asked_by : str
        The user of the operating system, the AE title, or the name of the token; 64 characters.
    via : str
        On which way it came: ``command``, ``http``; 16 characters.
    destinations : tuple of str
        Where the series is to go.
    """

    study_uid: str
    task: str
    asked_by: str
    via: str
    destinations: tuple[str, ...]


class Requests:
    """Requests and what was decided of them. Uses the caller's session; never commits it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def granted(self, study_uid: str) -> dict[str, tuple[str, ...]]:
        """Return what is to be made of a study: task to the destinations of all who asked."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self._granted(study_uid):
            found[row.task] = tuple(dict.fromkeys((*found.get(row.task, ()), *row.destinations)))
        return found

    def grant(self, request: Request, now: datetime) -> None:
        """Keep that it is to be made; asked again, it keeps its time and gains destinations.

        Who calls this holds the row of the study: it was taken for the request.
        """
        row = self._session.get(RequestRow, tuple(getattr(request, name) for name in _KEY))
        before = row if row is not None and row.granted else None
        places = (*before.destinations, *request.destinations) if before else request.destinations
        values = {
            "asked_at": before.asked_at if before else now,
            "destinations": list(dict.fromkeys(places)),
            "granted": True,
            "reasons": [],
        }
        insert = self._insert(request, values)
        self._session.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=values))

    def refuse(self, request: Request, reasons: Sequence[Reason], now: datetime) -> None:
        """Keep why it is not made; what was granted to the same one before is left alone."""
        values = {
            "asked_at": now,
            "destinations": list(request.destinations),
            "granted": False,
            "reasons": _plain(reasons),
        }
        self._session.execute(
            self._insert(request, values).on_conflict_do_update(
                index_elements=_KEY, set_=values, where=RequestRow.granted.is_(False)
            )
        )

    def decided(self, study_uid: str, reasons: Mapping[str, Sequence[Reason]]) -> None:
        """Keep what became of granted requests when the study was planned again.

        Parameters
        ----------
        reasons : mapping
            Task to why it is not made any more; a task that is absent is not known any more.
        """
        for row in self._granted(study_uid):
            row.reasons = _plain(reasons.get(row.task, [_GONE]))
        self._session.flush()

    def _granted(self, study_uid: str) -> Sequence[RequestRow]:
        query = (
            select(RequestRow)
            .where(RequestRow.study_uid == study_uid, RequestRow.granted)
            .order_by(RequestRow.task, RequestRow.asked_at, RequestRow.asked_by, RequestRow.via)
            .execution_options(populate_existing=True)  # what was just granted counts
        )
        return self._session.scalars(query).all()

    def _insert(self, request: Request, values: Mapping[str, object]) -> Any:
        key = {name: getattr(request, name) for name in _KEY}
        return insert_into(self._session, RequestRow).values({**key, **values})


def _plain(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    return [{"code": str(reason.code), "text": reason.text} for reason in reasons]
