"""Transactions: whole or not at all, and a database that is away is an error of ours."""

import os
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from string import ascii_letters
from threading import Barrier

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from dicom_node.db import Database, ProcessRow, StudyRow
from dicom_node.errors import DatabaseAway, SettingsError
from tests.support.postgres import Postgres

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOBODY = 65534


def study(uid: str) -> StudyRow:
    return StudyRow(uid=uid, state="receiving", revision=0, first_at=NOW, last_at=NOW)


def uids(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(select(StudyRow.uid)))


def add(database: Database, uid: str) -> None:
    with database.transaction() as session:
        session.add(study(uid))


def test_what_a_transaction_adds_is_there_when_it_ends(database):
    with database.transaction() as session:
        session.add(study("1.1"))
        session.flush()
        assert uids(database) == []
    assert uids(database) == ["1.1"]


def test_an_error_of_any_kind_takes_everything_back(database):
    def half_done():
        with database.transaction() as session:
            session.add(study("1.1"))
            session.flush()
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        half_done()
    assert uids(database) == []


def test_a_row_that_cannot_be_is_a_bug_and_no_absence(database):
    add(database, "1.1")
    with pytest.raises(IntegrityError):
        add(database, "1.1")
    assert uids(database) == ["1.1"]


def test_writers_wait_for_each_other(database):
    at_once = Barrier(8)

    def write(writer: int) -> None:
        at_once.wait()
        for number in range(10):
            add(database, f"1.{writer}.{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(uids(database)) == 80


def test_what_only_reads_writes_nothing(database):
    with database.reading() as session:
        session.add(study("1.1"))
        session.flush()
    assert uids(database) == []


def test_every_connection_to_sqlite_is_durable(tmp_path):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    for opened in (database.transaction, database.reading):
        with opened() as session:
            asked = {
                name: session.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()
    assert (tmp_path / "node.db").is_file()


@contextmanager
def locked(path: Path):
    """Somebody else is writing."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@pytest.fixture
def impatient(tmp_path):
    """A database on SQLite that waits for others no longer than a blink."""
    opened = Database("sqlite:///node.db", tmp_path, busy_s=0.05)
    opened.prepare()
    yield opened
    opened.close()


def test_a_database_that_stays_locked_is_away_for_writers_alone(impatient, tmp_path):
    with locked(tmp_path / "node.db"):
        with pytest.raises(DatabaseAway, match="did not answer: database is locked"):
            add(impatient, "1.1")
        assert uids(impatient) == []
    add(impatient, "1.2")
    assert uids(impatient) == ["1.2"]


def test_a_lock_that_ends_in_time_is_waited_for(tmp_path):
    patient = Database("sqlite:///node.db", tmp_path)
    patient.prepare()
    with ThreadPoolExecutor(1) as pool:
        with locked(tmp_path / "node.db"):
            waiting = pool.submit(add, patient, "1.1")
            assert not waiting.done()
        waiting.result(20)
    assert uids(patient) == ["1.1"]
    patient.close()


def test_a_folder_that_is_not_there_is_told_when_the_node_starts(tmp_path):
    database = Database("sqlite:///node.db", tmp_path / "missing")
    with pytest.raises(DatabaseAway, match="cannot be opened: unable to open database file"):
        database.prepare()


def test_a_file_that_is_no_database_is_told_when_the_node_starts(tmp_path):
    (tmp_path / "node.db").write_bytes(b"no database" * 100)
    with pytest.raises(DatabaseAway, match="cannot be opened: file is not a database"):
        Database("sqlite:///node.db", tmp_path).prepare()


@contextmanager
def as_nobody():
    """Permissions count for everybody but root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield
    if root:
        os.seteuid(0)


def test_a_folder_that_cannot_be_written_is_a_database_that_is_away():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database("sqlite:///node.db", folder)
        database.prepare()
        add(database, "1.1")
        database.close()
        folder.chmod(0o555)
        for file in folder.iterdir():
            file.chmod(0o444)
        try:
            with as_nobody(), pytest.raises(DatabaseAway):
                add(database, "1.2")
        finally:
            folder.chmod(0o755)
            database.close()
        assert uids(database) == ["1.1"]
        database.close()


@contextmanager
def stopping(cluster: Postgres):
    """Give what stops the server; it runs again afterwards."""
    data = str(cluster._folder / "data")
    yield lambda: cluster._run("pg_ctl", "-D", data, "-m", "fast", "stop")
    options = f"-p {cluster._port} -k {cluster._folder} -c listen_addresses=127.0.0.1"
    log = str(cluster._folder / "log")
    cluster._run("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")


def away():
    return pytest.raises(DatabaseAway, match="did not answer")


def test_a_server_that_stops_is_away_until_it_is_back(postgres, tmp_path):
    database = Database(postgres.url(), tmp_path)
    database.prepare()
    add(database, "1.1")
    with stopping(postgres) as stop:
        with away(), database.reading() as reading:
            reading.execute(text("SELECT 1"))
            with away(), database.transaction() as writing:
                writing.add(study("1.2"))
                writing.flush()
                stop()
                writing.execute(text("SELECT 1"))
            reading.execute(text("SELECT 1"))
        with away():
            add(database, "1.2")
        with away():
            uids(database)
        with pytest.raises(DatabaseAway, match="cannot be opened"):
            database.prepare()
    add(database, "1.3")
    assert uids(database) == ["1.1", "1.3"]
    database.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_ends_is_away_once_and_then_replaced(database):

    def ended():
        with database.transaction() as session:
            number = session.execute(text("SELECT pg_backend_pid()")).scalar()
            with database.reading() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": number})
            session.add(study("1.1"))

    with away():
        ended()
    add(database, "1.2")
    assert uids(database) == ["1.2"]


@pytest.mark.parametrize(
    "url", ["mysql://h/n", "node.db", "", "sqlite://", "postgresql+psycopg2://h/n", "sqlite+x:///a"]
)
def test_a_url_of_another_kind_is_a_mistake_that_says_what_is_wanted(url, tmp_path):
    with pytest.raises(SettingsError, match=r"node\.toml: database\.url.*sqlite:///file\.db or"):
        Database(url, tmp_path)


def test_a_relative_path_lies_in_the_data_folder(tmp_path):
    database = Database("sqlite:///other.db", tmp_path)
    database.prepare()
    database.close()
    assert (tmp_path / "other.db").is_file()


def test_an_absolute_path_is_taken_as_it_is(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    database = Database(f"sqlite:///{tmp_path}/elsewhere/node.db", tmp_path / "data")
    database.prepare()
    database.close()
    assert (tmp_path / "elsewhere" / "node.db").is_file()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_value_that_is_too_long_for_an_index_is_no_absence(database):
    owner = "".join(Random(1).choices(ascii_letters, k=9000))
    row = ProcessRow(owner=owner, kind="web", started_at=NOW, seen_at=NOW, counts=[])

    def write() -> None:
        with database.transaction() as session:
            session.add(row)

    with pytest.raises(OperationalError, match="index row") as raised:
        write()
    assert owner[:20] not in str(raised.value), "it is logged, and may be a patient's"


def test_a_database_that_keeps_every_connection_waiting_is_away(tmp_path):
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    database.engine.pool._timeout = 0.01
    with ExitStack() as hanging:
        for _ in range(15):
            hanging.enter_context(database.engine.connect())
        for opened in (database.reading, database.writing, database.transaction):
            with away(), opened() as one:
                one.execute(text("SELECT 1"))
        with pytest.raises(DatabaseAway, match="cannot be opened"):
            database.prepare()
    add(database, "1.1")
    database.close()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_only_reads_on_a_connection_that_is_lost_is_told_of_an_absence(database):
    def read() -> None:
        with database.reading() as session:
            session.connection().connection.dbapi_connection.close()
            session.execute(text("SELECT 1"))

    with away():
        read()
    assert uids(database) == []


def test_a_host_that_is_gone_is_waited_for_as_long_as_the_url_says_and_else_not_long(
    postgres, tmp_path
):
    for said, wanted in (("", "10"), ("?connect_timeout=77", "77")):
        database = Database(postgres.url() + said, tmp_path)
        with database.engine.connect() as connection:
            info = connection.connection.dbapi_connection.info.get_parameters()
        assert (info["connect_timeout"], info["keepalives_idle"]) == (wanted, "30")
        database.close()
