"""Models that somebody signed for a destination: one changed byte is another model, unsigned."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import JobRow, RejectionRow, SigningRow, model_of
from dicom_node.values import Model
from engine.reason import Code, Reason

__all__ = ["Evidence", "Signed", "Signings", "unsigned"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen when a model was signed.

    Parameters
    ----------
    signature : str
        What the signature of its bundle was worth.
    key : str
        SHA-256 (hex) of the public key that it was made with.
    golden : mapping
        Each golden case to how it ended.
    """

    signature: str
    key: str
    golden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Signed:
    """That somebody signed a model for a destination."""

    model: Model
    destination: str
    by: str
    at: datetime


class Signings:
    """Models and the destinations they are signed for. Uses the caller's session; never commits."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def sign(
        self, model: Model, destination: str, by: str, evidence: Evidence, now: datetime
    ) -> None:
        """Keep that ``by`` signed a model for a destination; each time is a row of its own."""
        self._session.add(
            SigningRow(
                name=model.name,
                version=model.version,
                digest=model.digest,
                destination=destination,
                signed_by=by,
                signed_at=now,
                evidence=_plain(evidence),
            )
        )
        self._session.flush()

    def of(self, digest: str) -> list[Signed]:
        """Return what a model was signed for, in the order of time."""
        rows = self._session.scalars(
            select(SigningRow).where(SigningRow.digest == digest).order_by(SigningRow.id)
        )
        return [
            Signed(
                Model(row.name, row.version, row.digest),
                row.destination,
                row.signed_by,
                row.signed_at,
            )
            for row in rows
        ]

    def everything(self) -> frozenset[tuple[str, str]]:
        """Return each digest with each destination that it is signed for."""
        rows = self._session.execute(select(SigningRow.digest, SigningRow.destination).distinct())
        return frozenset((digest, destination) for digest, destination in rows)

    def against(self, study_uid: str, series_uid: str, destination: str) -> Reason | None:
        """Return why a series may not go to a clinical destination; None where it may.

        A rejection note may, whoever gets it: no model made it, and it takes back what one did.
        """
        note = select(RejectionRow.note_series_uid)
        if self._session.scalar(note.where(RejectionRow.note_series_uid == series_uid).limit(1)):
            return None
        model = self._maker(study_uid, series_uid)
        if model is None:
            text = f"nobody can say which model made series {series_uid}, and {destination} is"
            return Reason(Code.MODEL_UNSIGNED, f"{text} for clinical use")
        query = select(SigningRow.id).where(
            SigningRow.digest == model.digest, SigningRow.destination == destination
        )
        signed = self._session.scalar(query.limit(1)) is not None
        return None if signed else unsigned(model, destination)

    def _maker(self, study_uid: str, series_uid: str) -> Model | None:
        """Return the model of the job that made a series."""
        rows: Sequence[JobRow] = self._session.scalars(
            select(JobRow).where(JobRow.study_uid == study_uid).order_by(JobRow.id)
        ).all()
        made = [model_of(row) for row in rows if series_uid in row.series_uids]
        return made[-1] if made else None


def unsigned(model: Model, destination: str) -> Reason:
    """Return why what a model makes does not go to a destination, and what is to be done."""
    name = f"{model.name}@{model.version}"
    text = (
        f"{destination} is for clinical use, and {name} ({model.digest[:19]}…) is not signed for "
        f"it; 'dicom-node models sign {name} --by NAME --for {destination}' signs it"
    )
    return Reason(Code.MODEL_UNSIGNED, text)


def _plain(evidence: Evidence) -> dict[str, Any]:
    return asdict(evidence)
