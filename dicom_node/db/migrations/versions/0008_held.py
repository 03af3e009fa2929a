"""Results that wait for a person, and who decided about them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add their table, and what a person decided to the job."""
    op.create_table(
        "held",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("series_uid", sa.String(length=64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"]),
        sa.PrimaryKeyConstraint("sop_instance_uid"),
    )
    op.create_index("ix_held_job_id", "held", ["job_id"])
    op.create_index("ix_held_study_uid", "held", ["study_uid"])
    op.add_column("job", sa.Column("decided", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop them; jobs that are held run again, their files become orphans."""
    op.execute(
        "UPDATE job SET state = 'waiting', attempts = 0"
        " WHERE state = 'held' AND id IN (SELECT job_id FROM held)"
    )
    op.drop_column("job", "decided")
    op.drop_index("ix_held_study_uid", table_name="held")
    op.drop_index("ix_held_job_id", table_name="held")
    op.drop_table("held")
