"""Receipts of what was sent, promises to peers, and what peers are asked about a study."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _uid(name: str, *constraints: sa.ForeignKey) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=64), *constraints, nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def upgrade() -> None:
    """Make them; what was sent before is asked for as if it had been sent now."""
    op.add_column("study", _time("plan_at", nullable=True))
    op.add_column("delivery", _time("ask_due", nullable=True))
    op.add_column("delivery", _count("asks"))
    op.add_column("delivery", _count("resends"))
    op.add_column("delivery", sa.Column("receipt", sa.Text(), nullable=True))
    op.add_column("delivery", _time("receipted_at", nullable=True))
    op.create_index("ix_delivery_ask", "delivery", ["destination", "ask_due"], unique=False)
    op.add_column("delivery_item", _time("receipted_at", nullable=True))
    op.add_column("delivery_item", sa.Column("failure", sa.Integer(), nullable=True))
    op.execute("UPDATE delivery SET ask_due = due WHERE state = 'sent'")
    _commitments()
    _questions()


def _commitments() -> None:
    op.create_table(
        "commitment",
        _uid("transaction_uid"),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _time("asked_at"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"]),
        sa.PrimaryKeyConstraint("transaction_uid"),
    )
    op.create_index("ix_commitment_delivery_id", "commitment", ["delivery_id"], unique=False)
    op.create_index("ix_commitment_asked_at", "commitment", ["asked_at"], unique=False)
    op.create_table(
        "promise",
        sa.Column("id", sa.Integer(), nullable=False),
        _uid("peer"),
        _uid("transaction_uid"),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _time("asked_at"),
        _time("due"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("peer", "transaction_uid"),
    )
    op.create_index("ix_promise_due", "promise", ["peer", "state", "due"], unique=False)


def _questions() -> None:
    op.create_table(
        "question",
        _uid("study_uid"),
        _uid("peer"),
        _time("asked_at"),
        _time("until"),
        _time("due"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("answered_at", nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("series", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["study_uid"], ["study.uid"]),
        sa.PrimaryKeyConstraint("study_uid", "peer"),
    )
    op.create_index("ix_question_due", "question", ["peer", "answered_at", "due"], unique=False)
    op.create_table(
        "fetch",
        _uid("study_uid"),
        _uid("peer"),
        _uid("series_uid"),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        _time("asked_at"),
        _time("until"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["study_uid"], ["study.uid"]),
        sa.PrimaryKeyConstraint("study_uid", "peer", "series_uid"),
    )
    op.create_index("ix_fetch_state", "fetch", ["peer", "state"], unique=False)


def downgrade() -> None:
    """Drop them; what is receipted was sent."""
    op.execute("UPDATE delivery SET state = 'sent' WHERE state = 'receipted'")
    op.drop_index("ix_fetch_state", table_name="fetch")
    op.drop_table("fetch")
    op.drop_index("ix_question_due", table_name="question")
    op.drop_table("question")
    op.drop_index("ix_promise_due", table_name="promise")
    op.drop_table("promise")
    op.drop_index("ix_commitment_asked_at", table_name="commitment")
    op.drop_index("ix_commitment_delivery_id", table_name="commitment")
    op.drop_table("commitment")
    op.drop_column("delivery_item", "failure")
    op.drop_column("delivery_item", "receipted_at")
    op.drop_index("ix_delivery_ask", table_name="delivery")
    for column in ("receipted_at", "receipt", "resends", "asks", "ask_due"):
        op.drop_column("delivery", column)
    op.drop_column("study", "plan_at")
