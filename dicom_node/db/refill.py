"""An empty database filled from a copy: for restoring."""

import shutil
from pathlib import Path

from sqlalchemy import MetaData, inspect, text
from sqlalchemy.exc import DBAPIError

from dicom_node.db.programs import libpq, run
from dicom_node.db.session import Database
from dicom_node.disk import sync_file
from dicom_node.errors import BackupError, DatabaseAway

__all__ = ["clear", "is_empty", "others", "place_of", "refill"]

_BESIDE = ("", "-wal", "-shm", "-journal", ".part")


def is_empty(database: Database) -> bool:
    """Return whether there is no table; a file of SQLite that is not there is not made.

    Raises
    ------
    DatabaseAway
        When it does not answer.
    """
    file = _file(database)
    if file is not None:
        return not any(Path(f"{file}{end}").exists() for end in _BESIDE[:-1])
    try:
        with database.engine.connect() as connection:
            return not inspect(connection).get_table_names()
    except DBAPIError as exc:
        raise DatabaseAway(f"the database cannot be opened: {exc.orig}".strip()) from exc


def others(database: Database) -> int:
    """Return how many other connections to the database there are; of SQLite nobody knows."""
    if _file(database) is not None:
        return 0
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with database.engine.connect() as connection:
        return int(connection.execute(text(query)).scalar_one())


def place_of(database: Database) -> str:
    """Return which database it is, without its password."""
    return database.engine.url.set(password="").render_as_string(hide_password=True)


def refill(database: Database, copy: Path) -> None:
    """Fill an empty database from what :meth:`Snapshot.write` wrote; all of it or nothing.

    Raises
    ------
    BackupError
        When that cannot be done.
    """
    file = _file(database)
    if file is None:
        name, secret = libpq(database.engine.url)
        run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner",
            "--no-privileges", f"--dbname={name}", str(copy), secret=secret)  # fmt: skip
        return
    part = Path(f"{file}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copy, part)
        sync_file(part)
        part.replace(file)
    except OSError as exc:
        raise BackupError(f"{file} cannot be written: {exc.strerror}; check the disk") from exc


def clear(database: Database) -> None:
    """Empty a database that a restore which was cut off had filled."""
    file = _file(database)
    if file is not None:
        for end in _BESIDE:
            Path(f"{file}{end}").unlink(missing_ok=True)
        return
    tables = MetaData()
    with database.engine.begin() as connection:
        tables.reflect(connection)
        tables.drop_all(connection)


def _file(database: Database) -> Path | None:
    """Return SQLite's file; None for PostgreSQL."""
    url = database.engine.url
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None
