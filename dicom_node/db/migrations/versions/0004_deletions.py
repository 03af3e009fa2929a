"""What was deleted of a study, which files are still to go, and what of it stays promised."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WEIGH = """
UPDATE study SET stored_bytes = COALESCE(
    (SELECT SUM(instance.size) FROM instance WHERE instance.study_uid = study.uid), 0)
"""
"""What lies apart is left out: its rows know no size."""


def upgrade() -> None:
    """Add three columns and two tables, weigh the studies that are there, mark what is promised."""
    stored = sa.Column("stored_bytes", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("study", stored)
    op.add_column("study", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_study_kept", "study", ["erased_at", "last_at"], unique=False)
    op.execute(_WEIGH)
    promised = sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True)
    op.add_column("instance", promised)
    _mark()
    op.create_table(
        "deletion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_uid"],
            ["study.uid"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_deletion_study_uid", "deletion", ["study_uid"], unique=False)
    op.create_table(
        "doomed",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("ix_doomed_due", "doomed", ["due"], unique=False)


def _mark() -> None:
    """Mark what peers were told in a report to be kept; what was not here then is not here now."""
    promise = sa.table(
        "promise", sa.column("instances", sa.JSON()), sa.column("state"),
        sa.column("asked_at", sa.DateTime(timezone=True)),
    )  # fmt: skip
    instance = sa.table(
        "instance", sa.column("sop_instance_uid"),
        sa.column("promised_at", sa.DateTime(timezone=True)),
    )  # fmt: skip
    mark = sa.update(instance).where(instance.c.sop_instance_uid == sa.bindparam("uid"))
    connection = op.get_bind()
    told = sa.select(promise.c.instances, promise.c.asked_at).where(promise.c.state != "waiting")
    for instances, asked_at in connection.execute(told).all():
        marks = [{"uid": uid, "at": asked_at} for _, uid in instances]
        if marks:
            connection.execute(mark.values(promised_at=sa.bindparam("at")), marks)


def downgrade() -> None:
    """Forget what was deleted; files that were still to go are found by the sweep."""
    op.drop_index("ix_doomed_due", table_name="doomed")
    op.drop_table("doomed")
    op.drop_index("ix_deletion_study_uid", table_name="deletion")
    op.drop_table("deletion")
    op.drop_index("ix_study_kept", table_name="study")
    op.drop_column("instance", "promised_at")
    op.drop_column("study", "erased_at")
    op.drop_column("study", "stored_bytes")
