"""What studies, series and instances are searched by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_SEARCHED = ("patient_id", "accession_number", "study_date")
_INDEXES = {
    "ix_study_patient_id": "patient_id",
    "ix_study_accession_number": "accession_number",
    "ix_study_date": "study_date",
}


def upgrade() -> None:
    """Add the columns, empty; the node fills them from the files after it has started."""
    for column in _SEARCHED:
        op.add_column("study", sa.Column(column, _SORTED, nullable=True))
    op.add_column("study", sa.Column("header", sa.JSON(), nullable=True))
    op.add_column("series", sa.Column("header", sa.JSON(), nullable=True))
    op.add_column("instance", sa.Column("number", sa.Integer(), nullable=True))
    for name, column in _INDEXES.items():
        op.create_index(name, "study", [column], unique=False)
    op.create_table(
        "patient_name",
        sa.Column("name", _SORTED, nullable=False),
        sa.Column("study_uid", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["study_uid"], ["study.uid"]),
        sa.PrimaryKeyConstraint("name", "study_uid"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("patient_name")
    for name in _INDEXES:
        op.drop_index(name, table_name="study")
    op.drop_column("instance", "number")
    op.drop_column("series", "header")
    for column in ("header", *_SEARCHED):
        op.drop_column("study", column)
