"""The database as it was at one moment, while others write on: for backups."""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Engine, Select, literal, select, text, union_all
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from dicom_node.db.beside import HeldRow
from dicom_node.db.programs import libpq, run
from dicom_node.db.session import Database
from dicom_node.db.tables import ConflictRow, InstanceRow
from dicom_node.disk import sync_file
from dicom_node.errors import BackupError, DatabaseAway

__all__ = ["NamedFile", "Snapshot", "snapshot"]

_REVISION = "SELECT version_num FROM alembic_version"
_HELD_SINCE = "0008"


class NamedFile(NamedTuple):
    """A file that a row names: where it lies, and what its data set is; -1 for no known size."""

    path: str
    sha256: str
    size: int


class Snapshot(Protocol):
    """One moment of a database."""

    kind: str
    revision: str
    server: str

    def size(self) -> int:
        """Return about how many bytes :meth:`write` writes at most."""

    def files(self) -> Iterator[NamedFile]:
        """Yield every file that a row names, by path, in the order of its characters."""

    def write(self, target: Path) -> None:
        """Write the whole database into a new file.

        Raises
        ------
        BackupError
            When that cannot be done; the sentence says what is wanted.
        """


def snapshot(database: Database) -> AbstractContextManager[Snapshot]:
    """Hold a database still while others write on.

    Raises
    ------
    BackupError, DatabaseAway
        When there is none, or it does not answer.
    """
    engine = database.engine
    return _on_sqlite(engine) if engine.dialect.name == "sqlite" else _on_postgres(engine)


@contextmanager
def _on_sqlite(engine: Engine) -> Iterator[Snapshot]:
    if not Path(str(engine.url.database)).is_file():
        raise BackupError(f"there is no database {engine.url.database}; nothing to back up")
    try:
        pooled = engine.raw_connection()
    except sqlite3.Error as exc:
        raise _no_schema(exc) from exc
    with closing(pooled):
        connection = pooled.driver_connection
        if not isinstance(connection, sqlite3.Connection):
            raise TypeError(type(connection))
        try:
            connection.execute("BEGIN")
            revision = connection.execute(_REVISION).fetchone()  # the first look fixes the moment
        except sqlite3.Error as exc:
            raise _no_schema(exc) from exc
        try:
            yield _Sqlite(connection, engine, str(revision[0]))
        finally:
            connection.rollback()


class _Sqlite:
    """By the online backup API, within one reading transaction: no writer is held up."""

    kind = "sqlite"

    def __init__(self, connection: sqlite3.Connection, engine: Engine, revision: str) -> None:
        self._connection = connection
        self._engine = engine
        self.revision = revision
        self.server = sqlite3.sqlite_version

    def size(self) -> int:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int(pages * size)

    def files(self) -> Iterator[NamedFile]:
        query = _files(self.revision, "BINARY").compile(
            self._engine, compile_kwargs={"literal_binds": True}
        )
        for row in self._connection.execute(str(query)):
            yield NamedFile(*row)

    def write(self, target: Path) -> None:
        try:
            with closing(sqlite3.connect(target)) as copy:
                self._connection.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")
                (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as exc:
            raise BackupError(f"the database could not be copied: {exc}; check the disks") from exc
        if verdict != "ok":
            why = str(verdict).splitlines()[-1]
            raise BackupError(f"the database is damaged: {why}; restore an earlier backup")
        sync_file(target)


@contextmanager
def _on_postgres(engine: Engine) -> Iterator[Snapshot]:
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.connect() as plain, plain.execution_options(**options) as connection:
            revision = connection.execute(text(_REVISION)).scalar_one()
            yield _Postgres(connection, str(revision))
    except DBAPIError as exc:
        raise _no_schema(exc.orig or exc) from exc


class _Postgres:
    """By pg_dump, on a moment that our own transaction exports to it."""

    kind = "postgresql"

    def __init__(self, connection: Connection, revision: str) -> None:
        self._connection = connection
        self.revision = revision
        self.server = str(connection.execute(text("SHOW server_version")).scalar_one())

    def size(self) -> int:
        query = text("SELECT pg_database_size(current_database())")
        return int(self._connection.execute(query).scalar_one())

    def files(self) -> Iterator[NamedFile]:
        for row in self._connection.execution_options(yield_per=1000).execute(
            _files(self.revision, "C")
        ):
            yield NamedFile(*row)

    def write(self, target: Path) -> None:
        moment = self._connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        name, secret = libpq(self._connection.engine.url)
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={moment}")
        run("pg_dump", *options, f"--file={target}", f"--dbname={name}", secret=secret)
        sync_file(target)


def _files(revision: str, collation: str) -> Select[Any]:
    """Return the query for every file that a row names, in the schema of that revision."""
    here = select(InstanceRow.path, InstanceRow.sha256, InstanceRow.size)
    apart = select(ConflictRow.path, ConflictRow.sha256, literal(-1))
    held = select(HeldRow.path, HeldRow.sha256, HeldRow.size)
    naming = (here, apart, held) if revision >= _HELD_SINCE else (here, apart)
    every = union_all(*naming).subquery()
    return select(every).order_by(every.c.path.collate(collation))


def _no_schema(exc: BaseException) -> DatabaseAway:
    reason = str(exc).strip().splitlines()[0]
    return DatabaseAway(f"the database cannot be read: {reason}; is it that of a node?")
