"""The moments of a process: before and after every commit, and every change of the disk.

It is for a child that is forked for one life of a node. What it wraps are the functions of ``os``
that change something, ``open`` for writing, and SQLAlchemy's commit: below these is the kernel or
the driver, above them all of our code.
"""

import builtins
import errno
import io
import os
import re
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from dicom_node.db.statements import Statement
from tests.support.matrix.disk import Recorder
from tests.support.matrix.states import look

OF_DESCRIPTORS = ("write", "writev", "fsync", "ftruncate")
OF_PATHS = ("link", "mkdir", "remove", "rename", "replace", "rmdir", "truncate", "unlink", "utime")
REJECTED, TAKEN_BACK = "rejection.insert", ", taken back"
"""What is done once a series is rejected is another moment: it may be done to its note."""
TAKES_SPACE = {"open", "write", "writev", "fsync", "mkdir", "link", "rename", "replace"}
_BELOW = ("dicom_node.db", "dicom_node.disk")
_WRITES = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM)\s+(?!SET\b)\"?(\w+)", re.I)
_VERBS = {"INSERT INTO": "insert", "UPDATE": "update", "DELETE FROM": "delete"}
_STATE = re.compile(r"^(state|role|because|what)(_m\d+)?$")


@dataclass(frozen=True)
class Aim:
    """Which moment: the ``number``-th time of a label, and what happens then.

    ``act``: ``kill``; ``full`` (ENOSPC), ``readonly`` (EROFS), ``locked`` and ``gone`` (of the
    database): then it goes on failing for ``burst`` moments.
    """

    label: str
    number: int = 1
    act: str = "kill"
    burst: int = 1


ERRORS = {"full": errno.ENOSPC, "readonly": errno.EROFS}
SAYINGS = {
    "locked": "database is locked",
    "gone": "unable to open database file",
    "full": "database or disk is full",
    "readonly": "attempt to write a readonly database",
}


@dataclass
class Points:
    """Counts the moments under some folders, and acts at one of them."""

    roots: tuple[str, ...]
    aim: Aim | None = None
    recorder: Recorder | None = None
    sabotage: tuple[str, ...] = ()
    counts: Counter = field(default_factory=Counter)
    sites: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)
    phase: str = ""
    failing: int = 0
    hit: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._busy = threading.local()
        self._written: dict[int, set[str]] = {}

    def install(self) -> "Points":
        for name in OF_DESCRIPTORS:
            setattr(os, name, self._wrapped(name, getattr(os, name), _path_of_descriptor))
        for name in OF_PATHS:
            setattr(os, name, self._wrapped(name, getattr(os, name), _path_itself))
        os.open = self._opening(os.open, lambda args: bool(args[1] & (os.O_CREAT | os.O_TRUNC)))
        opener = self._opening(io.open, lambda args: bool(set("wax+") & set(str(args[1]))))
        io.open = builtins.open = opener
        event.listen(Engine, "after_cursor_execute", self._executed)
        self._wrap_arrivals()
        self._wrap_commit()
        return self

    def _wrapped(self, name: str, real: Callable, where: Callable) -> Callable:
        def call(*args: Any, **keys: Any) -> Any:
            path = where(args)
            if getattr(self._busy, "on", False) or not self._is_ours(path):
                return real(*args, **keys)
            return self._around(name, path, lambda: real(*args, **keys), args)

        return call

    def _opening(self, real: Callable, writes: Callable[[tuple], bool]) -> Callable:
        def call(path: Any, *args: Any, **keys: Any) -> Any:
            mode = args or (keys.get("mode", keys.get("flags", "r")),)
            if (
                getattr(self._busy, "on", False)
                or not isinstance(path, str | os.PathLike)
                or not self._is_ours(os.fspath(path))
                or not writes((path, *mode))
            ):
                return real(path, *args, **keys)
            return self._around("open", os.fspath(path), lambda: real(path, *args, **keys), (path,))

        return call

    def _wrap_arrivals(self) -> None:
        """What every received image writes goes to the driver past SQLAlchemy's events."""
        real = Statement.run

        def run(statement: Statement, connection: Any, rows: Any) -> list:
            wanted = list(rows)
            for verb, table in _WRITES.findall(statement.sql) if wanted else ():
                self._note(connection, verb, table, {str(one.get("state")) for one in wanted})
            return real(statement, connection, wanted)

        Statement.run = run

    def _wrap_commit(self) -> None:
        real, back = DefaultDialect.do_commit, DefaultDialect.do_rollback

        def commit(dialect: Any, connection: Any) -> None:
            writes = sorted(self._written.pop(id(connection.dbapi_connection), ()))
            if not writes:
                real(dialect, connection)
                return
            seen = self._look(connection, writes) if self.aim is None else set()
            self._around("commit", "", lambda: real(dialect, connection), (writes,))
            self.states |= seen
            if REJECTED in writes:
                self.phase = TAKEN_BACK

        def rollback(dialect: Any, connection: Any) -> None:
            self._written.pop(id(connection.dbapi_connection), None)
            back(dialect, connection)

        DefaultDialect.do_commit, DefaultDialect.do_rollback = commit, rollback

    def _look(self, connection: Any, writes: list[str]) -> set[str]:
        """Return the states that are about to be committed, by a moment of ours."""
        return look(connection, {one.partition(".")[0] for one in writes}) if _sites() else set()

    def _executed(self, connection, cursor, statement, _parameters, context, _many) -> None:
        if cursor.rowcount == 0 and "RETURNING" not in statement:
            return
        for verb, table in _WRITES.findall(statement):
            self._note(connection, verb, table, _states(context))

    def _note(self, connection: Any, verb: str, table: str, states: set[str]) -> None:
        seen = self._written.setdefault(id(connection.connection.dbapi_connection), set())
        seen.add(f"{table}.{_VERBS[verb.upper()]}")
        seen |= {f"{table}={state}" for state in states - {"None"}}

    def _is_ours(self, path: str) -> bool:
        return path.startswith(self.roots)

    def _around(self, name: str, path: str, act: Callable[[], Any], args: tuple) -> Any:
        sites = _sites()
        if not sites:
            return act()
        with self._lock:
            if name == "commit":
                self.sites.add(f"commit {sites[0]}")
            else:
                self.sites.update(f"disk {site}" for site in sites)
        label = f"{name} {' < '.join(sites[:2])}"
        if name == "commit":
            label += f" [{' '.join(args[0])}]"
        label += self.phase
        self._reached(f"before {label}", name)
        if name in self.sabotage:
            return None
        if self.recorder is not None:
            self._quietly(self.recorder.before, name, args)
        found = act()
        if self.recorder is not None:
            self._quietly(self.recorder.after, name, path)
        self._reached(f"after {label}", name)
        return found

    def _quietly(self, call: Callable, *args: Any) -> None:
        self._busy.on = True
        try:
            call(*args)
        finally:
            self._busy.on = False

    def _reached(self, label: str, name: str) -> None:
        with self._lock:
            self.counts[label] += 1
            aim = self.aim
            if aim is None:
                return
            if label == aim.label and self.counts[label] == aim.number:
                self.hit, self.failing = True, aim.burst
            if not self.failing:
                return
            if aim.act == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if label.startswith("before"):  # what is done cannot fail any more
                self._fail(aim.act, name)

    def _fail(self, act: str, name: str) -> None:
        """Fail as SQLite or the system do, where they would."""
        if name == "commit":
            self.failing -= 1
            raise sqlite3.OperationalError(SAYINGS[act])
        if act in ERRORS and name in TAKES_SPACE:
            self.failing -= 1
            raise OSError(ERRORS[act], os.strerror(ERRORS[act]))


def _states(context: Any) -> set[str]:
    """Return the states that a statement writes."""
    rows = getattr(context, "compiled_parameters", None) or ()
    return {str(row[key]) for row in rows for key in row if _STATE.match(key)}


def _sites() -> list[str]:
    """Return who of our code is at it, innermost first."""
    found: list[str] = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("dicom_node.") and not module.startswith(_BELOW):
            inner = module.removeprefix("dicom_node.")
            name = f"{inner}:{_qualified(frame)}"
            if name not in found:
                found.append(name)
        frame = frame.f_back
    return found


def _qualified(frame: FrameType) -> str:
    return frame.f_code.co_qualname.replace("<locals>.", "").partition(".<")[0]


def _path_of_descriptor(args: tuple) -> str:
    try:
        return str(Path(f"/proc/self/fd/{args[0]}").readlink())
    except (OSError, TypeError):
        return ""


def _path_itself(args: tuple) -> str:
    return str(Path(args[0]).absolute()) if isinstance(args[0], str | os.PathLike) else ""
