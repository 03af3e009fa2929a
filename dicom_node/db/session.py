"""Engine, transactions and PRAGMAs: the only module that commits."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from dicom_node.errors import DatabaseAway, SettingsError

__all__ = ["HEAD", "Database"]

HEAD = "0013"
"""The revision of db/migrations that this code works with."""
_READS = "reads_only"
_PRAGMAS = (
    "PRAGMA synchronous=FULL",  # a committed row is on the disk: Success may be answered
    "PRAGMA foreign_keys=ON",
    "PRAGMA journal_size_limit=67108864",
)


class Database:
    """SQLite in WAL mode, or PostgreSQL.

    Parameters
    ----------
    url : str
        ``sqlite:///node.db`` (a relative path lies in ``folder``) or ``postgresql://user@host/name``.
    folder : Path
        The node's data folder.
    busy_s : float
        How long to wait on SQLite for others that write.

    Raises
    ------
    SettingsError
        When the URL is of neither kind.
    """

    def __init__(self, url: str, folder: Path, *, busy_s: float = 30.0) -> None:
        self._engine = _engine(_resolved(url, folder), busy_s)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session that commits at the end, or rolls back on any error.

        Raises
        ------
        DatabaseAway
            When the database is locked, gone, out of space, or so slow that no connection is left.
        """
        with (
            _present(),
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection that commits at the end, or rolls back on any error.

        For what every received image pays: a session costs more than its statements do.

        Raises
        ------
        DatabaseAway
            As :meth:`transaction`.
        """
        with _present(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that only reads; on SQLite it waits for no writer.

        Raises
        ------
        DatabaseAway
            When the database is gone, or so slow that no connection is left.
        """
        with (
            _present(),
            self._engine.connect().execution_options(**{_READS: True}) as connection,
        ):
            yield Session(connection, expire_on_commit=False)

    def prepare(self) -> None:
        """Bring the schema to :data:`HEAD`; a database that has it is left alone.

        Raises
        ------
        DatabaseAway
            When the database is newer than this code, or cannot be reached.
        """
        if self._revision() == HEAD:
            return
        from dicom_node.db.migrate import (
            upgrade,
        )  # Alembic is loaded by the one start that needs it

        upgrade(self._engine)

    def is_current(self) -> bool:
        """Return whether it is there with the schema of :data:`HEAD`; nothing is made.

        Raises
        ------
        DatabaseAway
            When it does not answer.
        """
        url = self._engine.url
        if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
            return False
        return self._revision() == HEAD

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @property
    def engine(self) -> Engine:
        """For this room alone; everybody else takes a session."""
        return self._engine

    def _revision(self) -> str | None:
        try:
            with self._engine.connect() as connection:
                if not inspect(connection).has_table("alembic_version"):
                    return None
                return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except (DBAPIError, PoolTimeout) as exc:
            raise DatabaseAway(f"the database cannot be opened: {_short(exc)}") from exc


@contextmanager
def _present() -> Iterator[None]:
    """Say of a database that does not answer that it is away; of one that refuses a row, nothing.

    A pool without a free connection is one whose connections all wait for an answer.
    """
    try:
        yield
    except PoolTimeout as exc:
        raise DatabaseAway(f"the database did not answer: {_short(exc)}") from exc
    except DBAPIError as exc:
        if _is_away(exc):
            raise DatabaseAway(f"the database did not answer: {_short(exc)}") from exc
        raise


def _is_away(exc: DBAPIError) -> bool:
    if exc.connection_invalidated:
        return True
    state = str(getattr(exc.orig, "sqlstate", None) or "")
    return isinstance(exc, OperationalError) and not state.startswith(_LIMIT)


_LIMIT = "54"
"""Program limit exceeded: PostgreSQL names a value that is too long an operational error."""


def _resolved(url: str, folder: Path) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:  # a port that is no number is a ValueError
        raise SettingsError([f"node.toml: database.url is no URL; {_WANTED}"]) from exc
    if parsed.drivername == "postgresql":
        return parsed
    if parsed.drivername != "sqlite" or not parsed.database:
        raise SettingsError([f"node.toml: database.url = '{parsed.drivername}:…'; {_WANTED}"])
    return parsed.set(database=str(folder / parsed.database))


_WANTED = "sqlite:///file.db or postgresql://user@host/name is wanted"


_PATIENCE = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
"""How long libpq waits for a host that is gone; what the URL says counts more."""


def _engine(url: URL, busy_s: float) -> Engine:
    is_remote = url.get_backend_name() == "postgresql"
    said = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    engine = create_engine(
        url,
        pool_pre_ping=is_remote,
        pool_use_lifo=True,  # the connection that wrote last still has its pages
        hide_parameters=True,  # an error is logged, and these may be a patient's
        connect_args=said if is_remote else {},
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect(busy_s))
        event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(busy_s: float) -> Callable[[Any, Any], None]:
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, and say which kind
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(busy_s * 1000)}")
        _to_wal(cursor, monotonic() + busy_s)
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    return prepare


def _to_wal(cursor: Any, deadline: float) -> None:
    """Switch to WAL. Here SQLite itself does not wait for others that open the same new file."""
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_BETWEEN_S)
        else:
            return


_BETWEEN_S = 0.01


def _on_begin(connection: Connection) -> None:
    """Take the write lock at once unless the session only reads: no upgrade, hence no deadlock."""
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _short(exc: DBAPIError | PoolTimeout) -> str:
    if isinstance(exc, PoolTimeout):
        return "every connection waits for it"
    return str(exc.orig).strip().splitlines()[0] if exc.orig else type(exc).__name__
