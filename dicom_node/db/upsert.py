"""INSERT … ON CONFLICT, which SQLite and PostgreSQL spell alike and SQLAlchemy does not."""

from typing import Any, cast

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dicom_node.db.tables import Base

__all__ = ["insert_into"]


def insert_into(where: Session | Connection, table: type[Base]) -> Any:
    """Return an INSERT of the database that ``where`` is on, with its ``on_conflict_…`` methods."""
    core = cast(Table, table.__table__)  # an ORM insert costs several times as much
    dialect = (where if isinstance(where, Connection) else where.get_bind()).dialect
    if dialect.name == "postgresql":
        return postgresql.insert(core)
    return sqlite.insert(core)
