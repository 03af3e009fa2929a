"""Which states there are, read from the schema and from the enumerations of the package.

A state is what a row may stay in: a word of an enumeration, yes or no, or a time that is there or
not. Whoever adds one has to have a scene come through it, or to say in
:data:`tests.support.matrix.elsewhere.STATES` where else it is killed.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Column, MetaData, String, Table
from sqlalchemy.types import TypeDecorator

from dicom_node.db.tables import Base, UtcDateTime
from tests.support.matrix.sites import ROOT

SHORT = 16
"""Letters at most of a column that holds one of a few words."""
NAMES = ("state", "status", "because", "ended", "kind", "origin", "role", "verdict", "what")
"""Of columns that hold such a word, however long."""

WORDS = {
    "association.ended": "archive.associations:AssociationEnd",
    "commitment.state": "outbox.receipts:CommitmentState",
    "deletion.what": "archive.upkeep.holding:Part",
    "delivery.state": "values:DeliveryState",
    "draw.state": "draws.store:DrawState",
    "fetch.state": "questions.fetches:FetchState",
    "held.role": "values:Role",
    "instance.origin": "values:Origin",
    "job.state": "values:JobState",
    "process.kind": "processes.beats:Kind",
    "promise.state": "promises.promises:PromiseState",
    "rejection.because": "rejections.rejections:Because",
    "study.state": "values:StudyState",
}
"""Which enumeration a column takes its words from."""

NO_STATE = {
    "delivery_item.status": "a number that a peer answered with",
    "fetch.label": "what a series shows",
    "held.label": "what a series shows",
    "job.grid": "of the plan; it never changes",
    "request.via": "by which door it came; it never changes",
    "series.verdict": "found anew from the headers whenever the study is planned",
    "token.id": "a name",
}
"""Columns that look like a state and are none."""

NOT_KEPT = {
    "archive.index:Outcome": "what became of one arrival; an answer",
    "archive.query.attributes:Level": "of a query",
    "association.door.refusal:Reason": "of an answer",
    "association.status:FindStatus": "of an answer",
    "association.status:RetrieveStatus": "of an answer",
    "association.status:StoreStatus": "of an answer",
    "audit.message.values:Action": "of a message of the audit trail",
    "audit.message.values:Outcome": "of a message of the audit trail",
    "audit.tally:Fate": "of a count in memory",
    "commitment:CommitmentStatus": "of an answer",
    "commitment:Failure": "of a report",
    "commitment:Taken": "of an answer",
    "promises.promises:Added": "of an answer",
    "cohort.choose:Why": "why a series teaches nothing; found anew at each choice",
    "series.anatomy:Region": "found anew from the headers",
    "series.findings:Label": "found anew from the headers",
    "tls.faults:Fault": "of an error",
    "tokens.store:Scope": "what a token may; it never changes",
    "transport.command:Field": "of a message",
    "transport.command:Kind": "of a message",
    "values:Companion": "what a job is to make; it never changes",
    "values:Priority": "of the plan; it orders, and moves nothing on",
}
"""Enumerations that no row stays in, and why."""


def enumerations(root: Path = ROOT) -> dict[str, tuple[str, ...]]:
    """Return the values of every enumeration of the package, by module and class."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        inner = path.relative_to(root).with_suffix("").parts
        module = ".".join(inner[:-1] if inner[-1] == "__init__" else inner)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(map(_is_enum, node.bases)):
                found[f"{module}:{node.name}"] = tuple(_members(node))
    return found


def _is_enum(base: ast.expr) -> bool:
    name = getattr(base, "id", getattr(base, "attr", ""))
    return name.endswith(("Enum", "Flag"))


def _members(node: ast.ClassDef) -> Iterator[str]:
    for one in node.body:
        if isinstance(one, ast.Assign):
            value = one.value
            yield str(value.value if isinstance(value, ast.Constant) else ast.unparse(value))


def columns(schema: MetaData = Base.metadata) -> dict[str, Column]:
    """Return every column that holds one of a few values, by table and name."""
    return {f"{table.name}.{one.name}": one for table in schema.sorted_tables for one in few(table)}


def few(table: Table) -> Iterator[Column]:
    """Yield the columns of a table that hold one of a few values."""
    for one in table.columns:
        of_time = isinstance(one.type, UtcDateTime) and one.nullable
        if of_time or isinstance(one.type, Boolean) or is_word(one):
            yield one


def is_word(column: Column) -> bool:
    """Return whether a column holds a word of a few."""
    plain = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    if column.name in NAMES:
        return True
    return isinstance(plain, String) and plain.length is not None and plain.length <= SHORT


def states(schema: Mapping[str, Column], values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield each state that there is: ``job.state=held``, ``recall.ended_at``, …"""
    for name, column in schema.items():
        if name in NO_STATE:
            continue
        if name in WORDS:
            yield from (f"{name}={value}" for value in values.get(WORDS[name], ()))
        elif isinstance(column.type, Boolean):
            yield from (f"{name}=yes", f"{name}=no")
        elif not is_word(column):
            yield name


def unnamed(
    schema: Mapping[str, Column], values: Mapping[str, tuple[str, ...]]
) -> dict[str, set[str]]:
    """Return columns and enumerations that nobody has said of what they are; and lines too many."""
    words = {name for name, column in schema.items() if is_word(column)}
    return {
        "columns of words": words ^ (WORDS.keys() | NO_STATE.keys()),
        "enumerations": values.keys() ^ ({*WORDS.values()} | NOT_KEPT.keys()),
    }


def faults(there: set[str], seen: set[str], excused: Iterable[str]) -> dict[str, set[str]]:
    """Return which states no scene comes through, and what is said of states that is not so."""
    missed, said = there - seen, set(excused)
    return {
        "no scene comes through": missed - said,
        "accounted for, and reached or no more": said - missed,
        "in a row, and in no enumeration": seen - there,
    }


def look(connection: Any, tables: Iterable[str]) -> set[str]:
    """Return the states that rows of these tables are in, by a connection of a driver.

    Asked of the database before a commit, so no way to write a state gets past it.
    """
    found: set[str] = set()
    cursor = connection.cursor()
    try:
        for table in sorted(set(tables) & Base.metadata.tables.keys()):
            for column in few(Base.metadata.tables[table]):
                if f"{table}.{column.name}" not in NO_STATE:
                    found |= _look(cursor, table, column)
    finally:
        cursor.close()
    return found


def _look(cursor: Any, table: str, column: Column) -> set[str]:
    name = f"{table}.{column.name}"
    cursor.execute(f'SELECT DISTINCT "{column.name}" FROM "{table}" '  # noqa: S608 - of the schema
                   f'WHERE "{column.name}" IS NOT NULL')  # fmt: skip
    values = [row[0] for row in cursor.fetchall()]
    if isinstance(column.type, Boolean):
        return {f"{name}={'yes' if value else 'no'}" for value in values}
    if is_word(column):
        return {f"{name}={value}" for value in values}
    return {name} if values else set()
