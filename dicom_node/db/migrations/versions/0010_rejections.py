"""Series that are not to be used any more, and versions of models that are recalled."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their tables."""
    op.create_table(
        "rejection",
        sa.Column("series_uid", sa.String(length=64), nullable=False),
        sa.Column("because", sa.String(length=16), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("note_series_uid", sa.String(length=64), nullable=True),
        sa.Column("note_uid", sa.String(length=64), nullable=True),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["study_uid"], ["study.uid"]),
        sa.PrimaryKeyConstraint("series_uid", "because"),
    )
    op.create_index("ix_rejection_study_uid", "rejection", ["study_uid"])
    op.create_index("ix_rejection_note_series_uid", "rejection", ["note_series_uid"])
    op.create_table(
        "recall",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", "version"),
    )


def downgrade() -> None:
    """Drop them; what is rejected stays out of sight, its deliveries stay as they are."""
    op.drop_table("recall")
    op.drop_index("ix_rejection_note_series_uid", table_name="rejection")
    op.drop_index("ix_rejection_study_uid", table_name="rejection")
    op.drop_table("rejection")
