"""How far a recall is: which series, where each is, who was told, and who lists it still.

Two things are told apart: that a destination answered the note with 0000, and what a query there
finds. An archive that applies no rejection notes answers 0000 and lists the series as before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dicom_node.app.build import Node
from dicom_node.app.recall.look import Finding, Seen, looks
from dicom_node.db import DeliveryItemRow, DeliveryRow, HeldRow, InstanceRow
from dicom_node.jobs import Decisions, made_by
from dicom_node.rejections import Because, Recall, Rejection, Rejections
from dicom_node.values import DeliveryState, Origin

__all__ = ["Report", "report_of", "told_everywhere"]

_ARRIVED = (DeliveryState.SENT, DeliveryState.RECEIPTED)
_NOBODY: Mapping[str, Any] = {"state": None, "sent": 0, "total": 0, "may_hold": False}


@dataclass(frozen=True, slots=True)
class Report:
    """What ``models recall`` prints; ``about`` is its JSON."""

    about: Mapping[str, Any]

    @property
    def confirmed(self) -> bool:
        """Whether all who may hold it were told, and all who may be asked said they list none."""
        return bool(self.about["confirmed"])


@dataclass(frozen=True, slots=True)
class _Made:
    """A series that a job made, and its rejection once it is there."""

    study_uid: str
    series_uid: str
    label: str
    job_id: int
    rejection: Rejection | None


def told_everywhere(node: Node, recall: Recall) -> bool:
    """Whether every destination that may hold something answered its note with 0000."""
    with node.database.reading() as session:
        return all(_is_told(session, one) for one in _made(session, recall))


def report_of(node: Node, recall: Recall) -> Report:
    """Return how far a recall is; every archive that may be asked is asked for each series."""
    with node.database.reading() as session:
        jobs = Decisions(session).of_model(recall.name, recall.version)
        made = list(_made(session, recall))
        series = [_series(session, one) for one in made]
        told = all(_is_told(session, one) for one in made)
    seen = looks(node)
    for one in series:
        _look(one, seen)
    places = [place for one in series for place in one["destinations"]]
    left = any(place["found"] or place["silent"] for place in places)
    return Report(
        {
            "model": {"name": recall.name, "version": recall.version},
            "by": recall.by,
            "why": recall.why,
            "at": recall.at.isoformat(),
            "confirmed": told and not left,
            "jobs": [
                {"id": job.id, "study_uid": job.study_uid, "state": job.state,
                 "reasons": list(job.reasons)}
                for job in jobs
            ],
            "series": series,
        }
    )  # fmt: skip


def _made(session: Session, recall: Recall) -> Iterator[_Made]:
    rejections = Rejections(session)
    for job in Decisions(session).of_model(recall.name, recall.version):
        made = rejections.made(job.study_uid)
        found = {one.series_uid: one for one in rejections.of_studies([job.study_uid])
                 if one.because is Because.RECALLED}  # fmt: skip
        for uid in made_by(job, made):
            yield _Made(job.study_uid, uid, made[uid], job.id, found.get(uid))


def _is_told(session: Session, one: _Made) -> bool:
    """Whether the rejection is ended, and whoever may hold the series has answered its note."""
    if one.rejection is None or not one.rejection.told:
        return False
    places = _deliveries(session, one.series_uid)
    notes = _deliveries(session, one.rejection.note_series_uid)
    held = [name for name, place in places.items() if place["may_hold"]]
    return all(notes.get(name, _NOBODY)["state"] in _ARRIVED for name in held)


def _series(session: Session, one: _Made) -> dict[str, Any]:
    rejection = one.rejection
    notes = _deliveries(session, rejection.note_series_uid if rejection else None)
    places = _deliveries(session, one.series_uid)
    return {
        "series_uid": one.series_uid,
        "study_uid": one.study_uid,
        "label": one.label,
        "job": one.job_id,
        "instances": [uid for _, uid in rejection.instances] if rejection else [],
        "here": _here(session, one.series_uid),
        "note_uid": rejection.note_uid if rejection else None,
        "error": rejection.error if rejection else None,
        "destinations": [
            {"destination": name, **place, **_note(notes.get(name))}
            for name, place in places.items()
        ],
    }


def _note(place: Mapping[str, Any] | None) -> dict[str, Any]:
    place = place or _NOBODY
    answered = place["state"] in _ARRIVED
    return {"note": place["state"], "answered": answered, "note_error": place.get("error")}


def _deliveries(session: Session, series_uid: str | None) -> dict[str, dict[str, Any]]:
    """Return the deliveries of a series by destination; something of each with ``may_hold``."""
    if series_uid is None:
        return {}
    item = DeliveryItemRow
    counted = (
        select(DeliveryRow, func.count(item.sent_at), func.count())
        .join(item, item.delivery_id == DeliveryRow.id)
        .where(DeliveryRow.series_uid == series_uid)
        .group_by(DeliveryRow.id)
        .order_by(DeliveryRow.destination)
    )
    return {
        row.destination: {
            "state": row.state,
            "sent": sent,
            "total": total,
            "may_hold": row.token > 0,
            "error": row.error,
        }
        for row, sent, total in session.execute(counted)
    }


def _here(session: Session, series_uid: str) -> int:
    """Return how many of its objects lie here, in sight or put aside."""
    row = InstanceRow
    made = row.series_uid == series_uid, row.origin == Origin.MADE
    aside = select(func.count()).where(HeldRow.series_uid == series_uid)
    here = select(func.count()).where(*made)
    return int(session.scalar(here) or 0) + int(session.scalar(aside) or 0)


def _look(one: dict[str, Any], seen: Mapping[str, Finding]) -> None:
    """Add what each archive lists, or that it is silent, those too that never got it from us."""
    found = {name: ask(one["study_uid"], one["series_uid"]) for name, ask in seen.items()}
    known = {place["destination"] for place in one["destinations"]}
    for name, answer in found.items():
        if name not in known and (answer.found or answer.is_silent):
            place = {"destination": name, **_NOBODY, "error": None, **_note(None)}
            one["destinations"].append(place)
    for place in one["destinations"]:
        answer = found.get(place["destination"], Seen())
        place["found"], place["asked"] = answer.found, answer.how
        place["silent"] = answer.is_silent
