"""Alembic's entry: run on the connection that :mod:`dicom_node.db.migrate` holds."""

from alembic import context

from dicom_node.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by making it anew
    transactional_ddl=True,
)
context.run_migrations()
