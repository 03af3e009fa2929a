"""Marked copies of results that wait for a person: what each held object is."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_MARKED = "SELECT series_uid FROM held WHERE role = 'marked'"
_WITHDRAWN = "because = 'withdrawn'"


def upgrade() -> None:
    """Add the column; whatever is held by now is a result."""
    role = sa.Column("role", sa.String(length=16), nullable=False, server_default="result")
    op.add_column("held", role)


def downgrade() -> None:
    """Give the marked copies up: an older program would take them for results.

    Nothing more of them is sent, and their files go. A copy that was withdrawn stays rejected, in
    the words that an older program has; one that was not stays where it was sent: withdraw it
    before, by releasing or rejecting its result. That a result was given up is forgotten: an older
    program would take it for rejected when it is made again.
    """
    op.execute("DELETE FROM rejection WHERE because = 'refused'")
    op.execute(
        "UPDATE delivery SET state = 'failed', ask_due = NULL, lease_owner = NULL, "  # noqa: S608
        "lease_until = NULL, error = 'not sent any more: an older version knows no marked copies' "
        f"WHERE state IN ('waiting', 'sending') AND series_uid IN ({_MARKED})"
    )
    op.execute(
        "INSERT INTO doomed (path, sop_instance_uid, due) "
        "SELECT path, sop_instance_uid, made_at FROM held WHERE role = 'marked' "
        "AND path NOT IN (SELECT path FROM doomed)"
    )
    op.execute("DELETE FROM held WHERE role = 'marked'")
    op.execute(
        f"DELETE FROM rejection WHERE {_WITHDRAWN} AND series_uid IN "  # noqa: S608 - our own words
        "(SELECT series_uid FROM rejection WHERE because = 'superseded')"
    )
    op.execute(f"UPDATE rejection SET because = 'superseded' WHERE {_WITHDRAWN}")  # noqa: S608
    op.drop_column("held", "role")
