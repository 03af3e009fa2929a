"""The schema on one page; what lies beside studies is in :mod:`dicom_node.db.beside`.

``study ── series ── instance`` is the archive, ``patient_name`` what it is searched by;
``association`` and ``sending`` say who is sending what; ``decision`` says why a rule fired or not;
``job`` and ``wanted`` are the queue; ``delivery`` and ``delivery_item`` are the outbox,
``commitment`` what destinations were asked to vouch for, ``promise`` what peers ask us to;
``question`` and ``fetch`` say what was asked of peers about a study. Times are UTC.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

__all__ = [
    "AssociationRow",
    "Base",
    "CommitmentRow",
    "ConflictRow",
    "DecisionRow",
    "DeliveryItemRow",
    "DeliveryRow",
    "FetchRow",
    "InstanceRow",
    "JobRow",
    "PatientNameRow",
    "PlainString",
    "PlainText",
    "PromiseRow",
    "QuestionRow",
    "SendingRow",
    "SeriesRow",
    "StudyRow",
    "UtcDateTime",
    "WantedRow",
]


class PlainString(TypeDecorator[str]):
    """Text without zeros: PostgreSQL keeps none, and values of headers may have some."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Leave the zeros out; SQLite would keep them, and both are to answer alike."""
        return value.replace("\0", "") if value is not None and "\0" in value else value


class PlainText(PlainString):
    """The same of any length."""

    impl = Text
    cache_ok = True


UID = PlainString(64)  # PS3.5 6.2, VR UI
HASH = String(64)  # SHA-256, hex
SORTED = PlainText().with_variant(PlainText(collation="C"), "postgresql")
"""Text whose index answers "begins with" as a range, letter code by letter code, everywhere."""
LONGEST_SORTED = 256
"""Letters of it that are kept: an entry of PostgreSQL's index has room for 2,700 bytes."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC: PostgreSQL gives it in the zone of the session, SQLite in none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse times without a zone; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone; use datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: PlainText(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class StudyRow(Base):
    """One study; ``revision`` counts the instances that came, so a plan knows what it has seen.

    ``plan_at`` puts the plan off: peers were asked, and whichever answers sets it back.
    ``stored_bytes`` is the size of its objects here, ``erased_at`` when the last of them went.
    """

    __tablename__ = "study"
    __table_args__ = (
        Index("ix_study_state", "state", "last_at"),
        Index("ix_study_kept", "erased_at", "last_at"),
        Index("ix_study_patient_id", "patient_id"),
        Index("ix_study_accession_number", "accession_number"),
        Index("ix_study_date", "study_date"),
    )
    uid: Mapped[str] = mapped_column(UID, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    interrupted: Mapped[bool] = mapped_column(default=False)
    evidence: Mapped[str | None]
    asked_at: Mapped[datetime | None]
    asked_revision: Mapped[int] = mapped_column(default=-1)
    expected: Mapped[list[Any] | None]
    plan_at: Mapped[datetime | None]
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    erased_at: Mapped[datetime | None]
    patient_id: Mapped[str | None] = mapped_column(SORTED)
    accession_number: Mapped[str | None] = mapped_column(SORTED)
    study_date: Mapped[str | None] = mapped_column(SORTED)
    header: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class PatientNameRow(Base):
    """A name of the patient of a study, as names are compared; one row a component group."""

    __tablename__ = "patient_name"
    name: Mapped[str] = mapped_column(SORTED, primary_key=True)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), primary_key=True)


class SeriesRow(Base):
    """One series, with what was understood of it when its study was last planned."""

    __tablename__ = "series"
    uid: Mapped[str] = mapped_column(UID, primary_key=True)
    study_uid: Mapped[str] = mapped_column(
        UID, ForeignKey("study.uid"), primary_key=True, index=True
    )
    modality: Mapped[str | None]
    description: Mapped[str | None]
    label: Mapped[str | None]
    synthetic: Mapped[bool] = mapped_column(default=False)
    verdict: Mapped[str | None]
    reasons: Mapped[list[Any] | None]
    tasks: Mapped[dict[str, Any] | None]
    header: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class InstanceRow(Base):
    """One kept object; the path is relative to the archive's folder. One that is promised stays."""

    __tablename__ = "instance"
    __table_args__ = (Index("ix_instance_series", "study_uid", "series_uid"),)
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    study_uid: Mapped[str] = mapped_column(UID)
    series_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    sha256: Mapped[str] = mapped_column(HASH)
    size: Mapped[int]
    path: Mapped[str]
    origin: Mapped[str] = mapped_column(String(16))
    sender: Mapped[str]
    received_at: Mapped[datetime]
    number: Mapped[int | None]
    promised_at: Mapped[datetime | None]


class ConflictRow(Base):
    """An instance whose UID was there already with other content: kept apart, never used."""

    __tablename__ = "conflict"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "sha256"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    study_uid: Mapped[str] = mapped_column(UID, index=True)
    series_uid: Mapped[str] = mapped_column(UID)
    sha256: Mapped[str] = mapped_column(HASH)
    path: Mapped[str]
    sender: Mapped[str]
    received_at: Mapped[datetime]


class AssociationRow(Base):
    """An association that has sent at least one instance."""

    __tablename__ = "association"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    peer: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    ended: Mapped[str | None] = mapped_column(String(16))


class SendingRow(Base):
    """What an association has sent to a study, and when last."""

    __tablename__ = "sending"
    association_id: Mapped[str] = mapped_column(
        String(36), ForeignKey("association.id"), primary_key=True
    )
    study_uid: Mapped[str] = mapped_column(UID, primary_key=True, index=True)
    last_at: Mapped[datetime]


class DecisionRow(Base):
    """Why a rule fired on a study, or did not."""

    __tablename__ = "decision"
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64), primary_key=True)
    fired: Mapped[bool]
    unmet: Mapped[list[Any]]
    decided_at: Mapped[datetime]


class JobRow(Base):
    """One study to run through one task; the row is the queue entry.

    ``decided`` is what a person decided about its result: what, by whom, why, when. ``model`` says
    which, and under ``provenance``, once there is a result, how that was made.
    """

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("key"), Index("ix_job_due", "state", "priority", "due"))
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(UID)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), index=True)
    rule: Mapped[str] = mapped_column(String(64))
    task: Mapped[str] = mapped_column(String(64))
    grid: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime]
    created_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    model: Mapped[dict[str, Any]]
    sources: Mapped[list[Any]]
    reasons: Mapped[list[Any]] = mapped_column(default=list)
    series_uids: Mapped[list[Any]] = mapped_column(default=list)
    decided: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class WantedRow(Base):
    """A rule that wants a job's result, and where it wants it."""

    __tablename__ = "wanted"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64), primary_key=True)
    destinations: Mapped[list[Any]]


class DeliveryRow(Base):
    """One series on its way to one destination.

    Once it is sent, ``ask_due`` says when the destination is asked whether it has it (never, where
    it is null), ``asks`` how often it was asked since, ``receipt`` what came of it in words.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("destination", "series_uid"),
        Index("ix_delivery_due", "destination", "state", "due"),
        Index("ix_delivery_ask", "destination", "ask_due"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(UID, index=True)
    series_uid: Mapped[str] = mapped_column(UID)
    destination: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)
    token: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime]
    created_at: Mapped[datetime]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    error: Mapped[str | None]
    ask_due: Mapped[datetime | None]
    asks: Mapped[int] = mapped_column(default=0, server_default="0")
    resends: Mapped[int] = mapped_column(default=0, server_default="0")
    receipt: Mapped[str | None]
    receipted_at: Mapped[datetime | None]


class DeliveryItemRow(Base):
    """One instance of a delivery, how the peer answered, and whether it vouches for it.

    ``failure`` is the reason that it gave for not doing so (PS3.4 J.3.3.1.1).
    """

    __tablename__ = "delivery_item"
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    sent_at: Mapped[datetime | None]
    status: Mapped[int | None]
    receipted_at: Mapped[datetime | None]
    failure: Mapped[int | None]


class CommitmentRow(Base):
    """One request of ours that a destination commit itself to a delivery; kept for late reports."""

    __tablename__ = "commitment"
    transaction_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime] = mapped_column(index=True)


class PromiseRow(Base):
    """One request of a peer that we commit ourselves to instances: class and UID of each."""

    __tablename__ = "promise"
    __table_args__ = (
        UniqueConstraint("peer", "transaction_uid"),
        Index("ix_promise_due", "peer", "state", "due"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    peer: Mapped[str] = mapped_column(String(64))
    transaction_uid: Mapped[str] = mapped_column(UID)
    instances: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime]
    due: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]


class QuestionRow(Base):
    """What a peer was asked about a study, and what it answered.

    Open until ``until``, unless it is answered: so long a rule waits.
    """

    __tablename__ = "question"
    __table_args__ = (Index("ix_question_due", "peer", "answered_at", "due"),)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), primary_key=True)
    peer: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked_at: Mapped[datetime]
    until: Mapped[datetime]
    due: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    answered_at: Mapped[datetime | None]
    error: Mapped[str | None]
    series: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))


class FetchRow(Base):
    """A series that a rule fetches from a peer."""

    __tablename__ = "fetch"
    __table_args__ = (Index("ix_fetch_state", "peer", "state"),)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), primary_key=True)
    peer: Mapped[str] = mapped_column(String(64), primary_key=True)
    series_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    label: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    asked_at: Mapped[datetime]
    until: Mapped[datetime]
    error: Mapped[str | None]
