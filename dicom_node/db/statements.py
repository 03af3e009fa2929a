"""Statements that run once per received batch, compiled once: compiling costs more than running.

SQLAlchemy writes the SQL, converts the values and keeps the transaction, as everywhere; what is
left out is its work for every execution, which was more than half of what a received image cost.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import Table, bindparam, null, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

from dicom_node.db.tables import (
    UID,
    AssociationRow,
    Base,
    InstanceRow,
    SendingRow,
    SeriesRow,
    StudyRow,
)

__all__ = ["Arrivals", "Statement", "arrivals"]

Row = Mapping[str, Any]
_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as the driver takes it.

    Parameters
    ----------
    sql : str
        With the driver's marks for parameters.
    converted : tuple of (str, callable or None)
        The parameters in order, each with what makes a value of its type one of the driver.
    is_positional : bool
        Whether the driver takes them by place, else by name.
    """

    sql: str
    converted: tuple[tuple[str, _Convert | None], ...]
    is_positional: bool

    @classmethod
    def compiled(cls, statement: Any, dialect: Dialect, names: Iterable[str] = ()) -> "Statement":
        """Compile once; ``names`` are the columns of an INSERT."""
        keys = list(names) or None
        done = cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=keys))
        order = done.positiontup if done.positional else list(done.binds)
        converted = tuple((name, _converter(done, name, dialect)) for name in order or ())
        return cls(str(done), converted, done.positional)

    def run(self, connection: Connection, rows: Iterable[Row]) -> list[Any]:
        """Run it once per row; return the first column of all that it gives back.

        It goes to the driver within the connection's transaction: what SQLAlchemy does around every
        execution costs several times what SQLite does for it.

        Raises
        ------
        sqlalchemy.exc.DBAPIError
            As SQLAlchemy's own executions do.
        """
        driver, found = cast(Any, connection.dialect).loaded_dbapi, list[Any]()
        cursor = connection.connection.cursor()
        try:
            for row in rows:
                cursor.execute(self.sql, self._bound(row))
                if cursor.description:
                    found += [first for first, *_ in cursor.fetchall()]
        except driver.Error as exc:
            raise self._raised(connection, exc, driver.Error) from exc
        finally:
            cursor.close()
        return found

    def _raised(
        self, connection: Connection, error: Exception, kind: type[Exception]
    ) -> BaseException:
        """Return the error as SQLAlchemy names it; a connection that is gone is not used again."""
        is_gone = connection.dialect.is_disconnect(cast(Any, error), None, None)
        if is_gone:
            connection.invalidate(error)
        return DBAPIError.instance(
            self.sql, None, error, kind,
            connection_invalidated=is_gone, dialect=connection.dialect,
        )  # fmt: skip

    def _bound(self, row: Row) -> Any:
        values = [convert(row[name]) if convert else row[name] for name, convert in self.converted]
        if self.is_positional:
            return tuple(values)
        return dict(zip((name for name, _ in self.converted), values, strict=True))


def _converter(done: SQLCompiler, name: str, dialect: Dialect) -> _Convert | None:
    return done.binds[name].type.dialect_impl(dialect).bind_processor(dialect)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What a batch of instances asks and writes.

    Parameters
    ----------
    instances :
        Inserts what is not there, and returns the SOP Instance UIDs that were inserted.
    studies :
        A study that is there is receiving again, its revision and size raised by the row's.
    series, associations :
        Inserts what is not there.
    bare :
        Returns the UID of a series that has no headers.
    sending :
        The latest time for an association and a study.
    """

    instances: Statement
    studies: Statement
    series: Statement
    bare: Statement
    associations: Statement
    sending: Statement


def arrivals(connection: Connection) -> Arrivals:
    """Return the statements for the connection's database."""
    return _arrivals(connection.dialect)


@lru_cache(maxsize=4)  # a process has one database; its tests have several
def _arrivals(dialect: Dialect) -> Arrivals:
    module: Any = postgresql if dialect.name == "postgresql" else sqlite

    def insert(row: type[Base]) -> Any:
        return module.insert(cast(Table, row.__table__))

    def compiled(statement: Any, *names: str) -> Statement:
        return Statement.compiled(statement, dialect, names)

    instances, studies, sending = insert(InstanceRow), insert(StudyRow), insert(SendingRow)
    return Arrivals(
        instances=compiled(
            instances.on_conflict_do_nothing(index_elements=["sop_instance_uid"]).returning(
                instances.table.c.sop_instance_uid
            ),
            *_INSTANCE,
        ),
        studies=compiled(
            studies.on_conflict_do_update(
                index_elements=["uid"],
                set_={
                    "state": studies.excluded.state,
                    "revision": studies.table.c.revision + studies.excluded.revision,
                    "last_at": studies.excluded.last_at,
                    "stored_bytes": studies.table.c.stored_bytes + studies.excluded.stored_bytes,
                    "erased_at": null(),
                },
            ),
            *_STUDY,
        ),
        series=compiled(insert(SeriesRow).on_conflict_do_nothing(), *_SERIES),
        bare=compiled(
            select(SeriesRow.uid).where(
                SeriesRow.study_uid == bindparam("study_uid", type_=UID),
                SeriesRow.uid == bindparam("uid", type_=UID),
                SeriesRow.header.is_(None),
            )
        ),
        associations=compiled(insert(AssociationRow).on_conflict_do_nothing(), *_ASSOCIATION),
        sending=compiled(
            sending.on_conflict_do_update(
                index_elements=["association_id", "study_uid"],
                set_={"last_at": sending.excluded.last_at},
            ),
            *_SENDING,
        ),
    )


_INSTANCE = (
    "sop_instance_uid", "sop_class_uid", "study_uid", "series_uid", "transfer_syntax_uid",
    "sha256", "size", "path", "origin", "sender", "received_at", "number",
)  # fmt: skip
_STUDY = (
    "uid", "state", "revision", "first_at", "last_at", "interrupted", "asked_revision",
    "stored_bytes",
)  # fmt: skip
_SERIES = ("study_uid", "uid", "synthetic")
_ASSOCIATION = ("id", "peer", "opened_at")
_SENDING = ("association_id", "study_uid", "last_at")
