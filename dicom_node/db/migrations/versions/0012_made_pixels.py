"""What made series show: their slices are known again under other names."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. What was made before is known by its names and marks alone."""
    op.create_table(
        "made_pixels",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("series_uid", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("digest", "series_uid"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("made_pixels")
