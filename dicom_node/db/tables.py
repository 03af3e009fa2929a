"""The whole schema on one page.

``study ── series ── instance`` is the archive; ``association`` and ``sending`` say who is sending
what; ``decision`` says why a rule fired or not; ``job`` and ``wanted`` are the queue; ``delivery``
and ``delivery_item`` are the outbox. Times are UTC.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

__all__ = [
    "AssociationRow",
    "Base",
    "ConflictRow",
    "DecisionRow",
    "DeliveryItemRow",
    "DeliveryRow",
    "InstanceRow",
    "JobRow",
    "SendingRow",
    "SeriesRow",
    "StudyRow",
    "UtcDateTime",
    "WantedRow",
]

UID = String(64)  # PS3.5 6.2, VR UI
HASH = String(64)  # SHA-256, hex


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
        str: Text(),
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class StudyRow(Base):
    """One study; ``revision`` counts the instances that came, so a plan knows what it has seen."""

    __tablename__ = "study"
    __table_args__ = (Index("ix_study_state", "state", "last_at"),)
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


class InstanceRow(Base):
    """One kept object; the path is relative to the archive's folder."""

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
    """One study to run through one task; the row is the queue entry."""

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


class WantedRow(Base):
    """A rule that wants a job's result, and where it wants it."""

    __tablename__ = "wanted"
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64), primary_key=True)
    destinations: Mapped[list[Any]]


class DeliveryRow(Base):
    """One series on its way to one destination."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("destination", "series_uid"),
        Index("ix_delivery_due", "destination", "state", "due"),
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


class DeliveryItemRow(Base):
    """One instance of a delivery, and how the peer answered."""

    __tablename__ = "delivery_item"
    delivery_id: Mapped[int] = mapped_column(ForeignKey("delivery.id"), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    sent_at: Mapped[datetime | None]
    status: Mapped[int | None]
