"""Alembic from inside: the schema brought up to date when a node starts."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from dicom_node.errors import DatabaseAway

__all__ = ["downgrade", "known", "upgrade"]

_LOCK = (
    7_401_120  # PostgreSQL advisory lock: two nodes that start at once migrate one after the other
)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run every migration up to ``revision`` in one transaction.

    Raises
    ------
    DatabaseAway
        When the database is newer than this code, or a migration fails; it is then left as it was.
    """
    _run(engine, revision, command.upgrade)


def downgrade(engine: Engine, revision: str) -> None:
    """Go back to ``revision``; ``base`` empties the database."""
    _run(engine, revision, command.downgrade)


def known() -> frozenset[str]:
    """Return every revision that this code can bring up to date."""
    return frozenset(
        one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def _run(engine: Engine, revision: str, step: Callable[[Config, str], None]) -> None:
    config = _config()
    try:
        with engine.begin() as connection:
            _lock(connection)
            config.attributes["connection"] = connection
            step(config, revision)
    except CommandError as exc:
        raise DatabaseAway(
            f"the database is of a version that this node does not know: {exc}"
        ) from exc
    except DBAPIError as exc:
        raise DatabaseAway(f"the database could not be brought up to date: {exc.orig}") from exc


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
