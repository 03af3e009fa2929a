"""Tables of what lies beside studies: what waits and went, who may call, what people ask for.

``held`` are results that wait for a person; ``deletion`` says what of a study is here no more,
``doomed`` which files are still to go; ``rejection`` is a series made here that is not to be used
any more, ``recall`` a version of a model; ``token`` says who may call over HTTP, ``process`` which
processes live; ``request`` what was asked of us; ``trail`` where the audit trail ended; ``signing``
which model may serve which destination, ``activation`` which version of a model is used;
``made_pixels`` what slices made here show; ``draw`` is a series of another archive that is drawn to
learn from, ``drawn`` an object of it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dicom_node.db.tables import HASH, UID, Base
from dicom_node.values import Role

__all__ = [
    "ActivationRow",
    "DeletionRow",
    "DoomedRow",
    "DrawRow",
    "DrawnRow",
    "HeldRow",
    "MadePixelsRow",
    "ProcessRow",
    "RecallRow",
    "RejectionRow",
    "RequestRow",
    "SigningRow",
    "TokenRow",
    "TrailRow",
]


class HeldRow(Base):
    """An object that was made and waits for a person: otherwise a row of ``instance``.

    ``role`` tells the result from its marked copy, which is never a row of ``instance``.
    """

    __tablename__ = "held"
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), index=True)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    study_uid: Mapped[str] = mapped_column(UID, index=True)
    series_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    sha256: Mapped[str] = mapped_column(HASH)
    size: Mapped[int]
    path: Mapped[str]
    sender: Mapped[str]
    made_at: Mapped[datetime]
    number: Mapped[int | None]
    label: Mapped[str] = mapped_column(String(16))
    role: Mapped[str] = mapped_column(String(16), default=Role.RESULT, server_default="result")


class DeletionRow(Base):
    """What retention deleted of a study, when, and by which rule; all other rows of it stay."""

    __tablename__ = "deletion"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), index=True)
    what: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str]
    deleted_at: Mapped[datetime]
    instances: Mapped[int]


class DoomedRow(Base):
    """A file whose row was deleted: it is to go, unless a row names it again by then."""

    __tablename__ = "doomed"
    path: Mapped[str] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID)
    due: Mapped[datetime] = mapped_column(index=True)


class RejectionRow(Base):
    """A series made here that is not to be used any more, why, and how far that was told.

    ``instances`` are class and UID of each; ``note_uid`` is the rejection note, once it is in the
    archive. It is ended when the note is queued for every destination that may hold the series.
    """

    __tablename__ = "rejection"
    series_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    because: Mapped[str] = mapped_column(String(16), primary_key=True)
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), index=True)
    by: Mapped[str]
    why: Mapped[str]
    rejected_at: Mapped[datetime]
    instances: Mapped[list[Any]]
    note_series_uid: Mapped[str | None] = mapped_column(UID, index=True)
    note_uid: Mapped[str | None] = mapped_column(UID)
    due: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    error: Mapped[str | None]


class RecallRow(Base):
    """A version of a model that no job may use any more; ended when all it made is rejected."""

    __tablename__ = "recall"
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    by: Mapped[str]
    why: Mapped[str]
    recalled_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class TokenRow(Base):
    """A bearer token: the SHA-256 of its secret, never the secret."""

    __tablename__ = "token"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(HASH)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ProcessRow(Base):
    """A process of the node, when it was seen last, and its counters then."""

    __tablename__ = "process"
    owner: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    counts: Mapped[list[Any]]


class RequestRow(Base):
    """A series that somebody asked for although no rule makes it, and what was decided last.

    One that was ``granted`` is decided again like a rule whenever more of its study comes.
    """

    __tablename__ = "request"
    study_uid: Mapped[str] = mapped_column(UID, ForeignKey("study.uid"), primary_key=True)
    task: Mapped[str] = mapped_column(String(64), primary_key=True)
    asked_by: Mapped[str] = mapped_column(String(64), primary_key=True)
    via: Mapped[str] = mapped_column(String(16), primary_key=True)
    asked_at: Mapped[datetime]
    destinations: Mapped[list[Any]]
    granted: Mapped[bool]
    reasons: Mapped[list[Any]]


class TrailRow(Base):
    """Where the audit trail ended when it was looked at last; one row, with ``id`` 1."""

    __tablename__ = "trail"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(HASH)
    file: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)


class SigningRow(Base):
    """Somebody signed a model for a destination: rows are added, none is changed.

    ``evidence`` says what was seen: the bundle's signature, and each golden case.
    """

    __tablename__ = "signing"
    __table_args__ = (Index("ix_signing_model", "digest", "destination"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(71))  # "sha256:" and 64 digits
    destination: Mapped[str] = mapped_column(String(64))
    signed_by: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]


class ActivationRow(Base):
    """From when on which version of a model is used: rows are added, the last of a name counts.

    ``before`` is the row that a rollback goes back to.
    """

    __tablename__ = "activation"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    version: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(71))
    activated_by: Mapped[str] = mapped_column(String(64))
    activated_at: Mapped[datetime]
    before: Mapped[int | None]


class MadePixelsRow(Base):
    """What a slice shows that was made here: kept for good, also when the series is deleted."""

    __tablename__ = "made_pixels"
    digest: Mapped[str] = mapped_column(HASH, primary_key=True)
    series_uid: Mapped[str] = mapped_column(UID, primary_key=True)


class DrawRow(Base):
    """A series of another archive that is drawn to learn from, and how far that is."""

    __tablename__ = "draw"
    peer: Mapped[str] = mapped_column(String(64), primary_key=True)
    series_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    study_uid: Mapped[str] = mapped_column(UID)
    state: Mapped[str] = mapped_column(String(16))
    changed_at: Mapped[datetime]
    error: Mapped[str | None]


class DrawnRow(Base):
    """An object that was drawn; it is no row of ``instance``, and nobody is served from here."""

    __tablename__ = "drawn"
    __table_args__ = (Index("ix_drawn_series", "peer", "study_uid", "series_uid"),)
    peer: Mapped[str] = mapped_column(String(64), primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    series_uid: Mapped[str] = mapped_column(UID)
    study_uid: Mapped[str] = mapped_column(UID)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    sha256: Mapped[str] = mapped_column(HASH)
    size: Mapped[int] = mapped_column(BigInteger)
    number: Mapped[int | None]
    path: Mapped[str]
