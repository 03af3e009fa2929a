"""Series that somebody asked for, although no rule makes them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "request",
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=64), nullable=False),
        sa.Column("via", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destinations", sa.JSON(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["study_uid"], ["study.uid"]),
        sa.PrimaryKeyConstraint("study_uid", "task", "asked_by", "via"),
    )


def downgrade() -> None:
    """Drop it; jobs that were asked for stay as they are."""
    op.drop_table("request")
