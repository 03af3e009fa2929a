"""Schema changes, one file each: read by Alembic, imported by nobody."""
