"""Models that somebody signed for a destination: one changed byte is another model, unsigned."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dicom_node.db import RejectionRow, SeriesRow, SigningRow, makers_of
from dicom_node.dicom import OWN_SIGN
from dicom_node.values import Instance, Model, Origin
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
        maker = makers_of(self._session, [(study_uid, series_uid)]).get((study_uid, series_uid))
        if maker is None:
            text = f"nobody can say which model made series {series_uid}, and {destination} is"
            return Reason(Code.MODEL_UNSIGNED, f"{text} for clinical use")
        query = select(SigningRow.id).where(
            SigningRow.digest == maker.model.digest, SigningRow.destination == destination
        )
        signed = self._session.scalar(query.limit(1)) is not None
        return None if signed else unsigned(maker.model, destination)

    def barred(self, instances: Iterable[Instance], destination: str) -> dict[str, str]:
        """Return which of some instances a clinical destination may not be given, each with why.

        What was made here and somebody sent back is received, and needs the same signature; also
        where its UIDs are others by now, and its marks were found when its study was planned. What
        was acquired needs none.

        Returns
        -------
        dict
            SOP Instance UID to a sentence.
        """
        asked = list(instances)
        made = {(one.study_uid, one.series_uid) for one in asked if one.origin is Origin.MADE}
        places = {(one.study_uid, one.series_uid) for one in asked}
        ours = made | makers_of(self._session, places).keys()
        ours |= self._by_marks(places - ours)
        against = {place: self.against(*place, destination) for place in ours}
        found = {
            one.sop_instance_uid: against.get((one.study_uid, one.series_uid)) for one in asked
        }
        return {uid: str(why) for uid, why in found.items() if why is not None}

    def _by_marks(self, places: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the series that bear this node's marks."""
        row, uids = SeriesRow, {uid for _, uid in places}
        query = select(row.study_uid, row.uid, row.reasons).where(row.uid.in_(uids), row.synthetic)
        return {
            (study, uid)
            for study, uid, reasons in self._session.execute(query)
            if any(OWN_SIGN in reason["text"] for reason in reasons or ())
        }.intersection(places)


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
