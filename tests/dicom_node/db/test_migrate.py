"""The schema: brought up to date, taken back, and never touched by a program that is too old."""

import multiprocessing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from dicom_node.db import Base, Database, migrate
from dicom_node.db.session import HEAD
from dicom_node.errors import DatabaseAway


@pytest.fixture
def database(empty):
    empty.prepare()
    return empty


@pytest.fixture
def empty(empty_url, tmp_path):
    opened = Database(empty_url, tmp_path)
    yield opened
    opened.close()


def tables(database: Database) -> set[str]:
    with database._engine.connect() as connection:
        return set(inspect(connection).get_table_names()) - {"alembic_version"}


def revision(database: Database) -> str | None:
    with database._engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def test_the_migrations_make_exactly_the_schema_of_the_page(database):
    assert tables(database) == set(Base.metadata.tables)
    with database._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_a_column_that_the_page_does_not_have_would_be_seen(database):
    with database.transaction() as session:
        session.execute(text("ALTER TABLE study ADD COLUMN other INTEGER"))
    with database._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert [difference[0] for difference in differences] == ["remove_column"]


def test_the_way_back_leaves_nothing_and_the_way_up_is_open_again(database):
    migrate.downgrade(database._engine, "base")
    assert tables(database) == set()
    database.prepare()
    assert tables(database) == set(Base.metadata.tables)


_SENT = """INSERT INTO delivery (study_uid, series_uid, destination, state, attempts, refusals,
 token, due, created_at) VALUES ('1.2', '1.2.3', 'pacs', :state, 1, 0, 1,
 '2026-01-02 03:04:05+00:00', '2026-01-02 03:04:05+00:00')"""


@pytest.mark.parametrize(("state", "asked"), [("sent", 1), ("failed", 0)])
def test_what_was_sent_before_there_were_receipts_is_asked_for(empty, state, asked):
    migrate.upgrade(empty._engine, "0002")
    with empty.transaction() as session:
        session.execute(text(_SENT), {"state": state})
    empty.prepare()
    query = text("SELECT count(*) FROM delivery WHERE ask_due = due AND asks = 0")
    with empty.reading() as session:
        assert session.execute(query).scalar() == asked


def test_what_is_receipted_is_sent_for_a_program_that_knows_no_receipts(database):
    with database.transaction() as session:
        session.execute(text(_SENT), {"state": "receipted"})
    migrate.downgrade(database._engine, "0002")
    with database.reading() as session:
        assert session.execute(text("SELECT state FROM delivery")).scalar() == "sent"


ROWS = (
    "INSERT INTO study (uid, state, revision, first_at, last_at, interrupted, asked_revision)"
    " VALUES ('1.1', 'routed', 2, :at, :at, false, -1), ('1.2', 'receiving', 0, :at, :at, true, 0)",
    "INSERT INTO instance VALUES"
    " ('1.1.1', '1.0', '1.1', '1.8', '1.2', 'aa', 2000000000, 'p1', 'received', 'S', :at),"
    " ('1.1.2', '1.0', '1.1', '1.9', '1.2', 'bb', 2000000000, 'p2', 'made', 'NODE', :at)",
    "INSERT INTO job (id, key, study_uid, rule, task, grid, priority, state, attempts, token, due,"
    " created_at, lease_owner, model, sources, reasons, series_uids) VALUES (7, '9.9', '1.1', 'r',"
    " 't', 'native', 1, 'running', 1, 3, :at, :at, 'h/b/1/1', '{}', '[]', '[]', '[\"1.9\"]')",
    "INSERT INTO delivery (id, study_uid, series_uid, destination, state, attempts, refusals,"
    " token, due, created_at) VALUES (5, '1.1', '1.9', 'pacs', 'sending', 2, 0, 4, :at, :at)",
    "INSERT INTO delivery_item (delivery_id, sop_instance_uid, sent_at, status)"
    " VALUES (5, '1.1.2', NULL, 42752)",
)
"""A queue in flight: a job that runs, and a delivery that is being sent."""

LATER = (
    "INSERT INTO patient_name VALUES ('doe', '1.1')",
    "INSERT INTO commitment VALUES ('2.25.1', 5, 'asked', :at)",
    "INSERT INTO promise VALUES (1, 'pacs', '2.25.2', '[]', 'waiting', :at, :at, 0, 0, NULL)",
    "INSERT INTO question VALUES ('1.1', 'pacs', :at, :at, :at, 0, NULL, NULL, NULL)",
    "INSERT INTO \"fetch\" VALUES ('1.1', 'pacs', '1.7', 'T2', 'wanted', :at, :at, NULL)",
    "INSERT INTO deletion VALUES (1, '1.1', 'made', 'r', :at, 1)",
    "INSERT INTO doomed VALUES ('p9', '1.1.9', :at)",
    "INSERT INTO token VALUES ('t', 'viewer', 'cc', '[]', :at, :at, NULL)",
    "INSERT INTO process VALUES ('h/b/1/1', 'web', :at, :at, '[]')",
    "INSERT INTO request VALUES ('1.1', 't', 'anna', 'http', :at, '[]', true, '[]')",
    "INSERT INTO held VALUES ('1.1.7', 7, '1.0', '1.1', '1.9', '1.2', 'ee', 5, 'p7', 'NODE', :at,"
    " 1, 'CT', 'result'), ('1.1.8', 7, '1.0', '1.1', '1.11', '1.2', 'ef', 5, 'p8', 'NODE', :at,"
    " 1, 'CT', 'marked')",
    "INSERT INTO rejection VALUES ('1.9', 'recalled', '1.1', 'A', 'wrong', :at, '[]', '1.10',"
    " '1.10.1', :at, NULL, NULL)",
    "INSERT INTO recall VALUES ('tiny', '1.0', 'A', 'wrong', :at, NULL)",
    "INSERT INTO trail VALUES (1, 4711, 'dd', 'audit-000000000001.jsonl', 5000000000)",
    "INSERT INTO signing VALUES (1, 'm', '1.0', 'sha256:ff', 'pacs', 'anna', :at, '{}')",
    "INSERT INTO activation VALUES (2, 'm', '1.0', 'sha256:ff', 'anna', :at, 1)",
    "INSERT INTO made_pixels VALUES ('aabb', '1.9')",
    "INSERT INTO draw VALUES ('pacs', '1.8', '1.1', 'drawing', :at, NULL)",
    "INSERT INTO drawn VALUES ('pacs', '1.8.1', '1.8', '1.1', '1.0', '1.2', 'ff', 5, 1, 'p1')",
)
"""A row in every table that came after the first schema."""

FIRST = {"study", "instance", "job", "delivery", "delivery_item"}


def test_every_table_that_came_later_has_such_a_row():
    named = {statement.split()[2].strip('"') for statement in LATER}
    there = {"association", "sending", "conflict", "decision", "series", "wanted"}
    assert set(Base.metadata.tables) == FIRST | there | named


def fill(database: Database, statements: tuple[str, ...]) -> None:
    postgres = database._engine.dialect.name == "postgresql"
    at = "2026-01-02 03:04:05.000000+00:00" if postgres else "2026-01-02 03:04:05"
    with database.transaction() as session:
        for statement in statements:
            session.execute(text(statement), {"at": at})


def columns_of(database: Database) -> dict[str, list[str]]:
    with database._engine.connect() as connection:
        found = inspect(connection)
        return {table: [c["name"] for c in found.get_columns(table)] for table in sorted(FIRST)}


def rows_of(database: Database, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what these columns hold."""
    found = {}
    with database._engine.connect() as connection:
        for table, names in columns.items():
            query = text(f"SELECT {', '.join(names)} FROM {table}")  # noqa: S608
            found[table] = sorted(str(tuple(row)) for row in connection.execute(query))
    return found


@pytest.fixture
def in_flight(empty):
    """The first schema with a queue in flight; what its columns are, and what they hold."""
    migrate.upgrade(empty._engine, "0001")
    fill(empty, ROWS)
    columns = columns_of(empty)
    return empty, columns, rows_of(empty, columns)


def test_an_upgrade_with_a_queue_in_flight_loses_nothing_and_weighs_the_studies(in_flight):
    database, columns, before = in_flight
    database.prepare()
    assert revision(database) == HEAD
    assert rows_of(database, columns) == before
    with database.reading() as session:
        weights = session.execute(text("SELECT uid, stored_bytes, erased_at FROM study ORDER BY 1"))
        assert weights.all() == [("1.1", 4_000_000_000, None), ("1.2", 0, None)]


def test_what_peers_were_promised_before_is_marked(in_flight):
    database, _, _ = in_flight
    migrate.upgrade(database._engine, "0003")
    promise = "INSERT INTO promise VALUES ({}, 'ct', '2.25.{}', '[[\"1.0\", \"{}\"]]', '{}', {})"
    times = ":at, :at, 0, 0, NULL"
    told = promise.format(1, 1, "1.1.1", "reported", times)
    waits = promise.format(2, 2, "1.1.2", "waiting", times)
    fill(database, (told, waits))
    database.prepare()
    query = text("SELECT sop_instance_uid FROM instance WHERE promised_at IS NOT NULL")
    with database.reading() as session:
        assert session.scalars(query).all() == ["1.1.1"]


def test_every_step_up_and_down_keeps_the_rows_of_the_first_schema(in_flight):
    database, columns, before = in_flight
    line = sorted(migrate.known())
    for one in line[1:]:
        migrate.upgrade(database._engine, one)
        assert (revision(database), rows_of(database, columns)) == (one, before)
    fill(database, LATER)
    for one in reversed(line[:-1]):
        migrate.downgrade(database._engine, one)
        assert (revision(database), rows_of(database, columns)) == (one, before)
    database.prepare()
    assert rows_of(database, columns) == before
    assert tables(database) == set(Base.metadata.tables)


def test_the_revision_that_the_code_names_is_the_newest():
    config = Config()
    config.set_main_option("script_location", "dicom_node:db/migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_database_of_a_newer_program_is_refused_and_left_alone(database):
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseAway, match=r"a version that this node does not know.*9999"):
        database.prepare()
    assert revision(database) == "9999"
    assert tables(database) == set(Base.metadata.tables)


def test_a_migration_that_fails_leaves_everything_as_it_was(empty):
    with empty.transaction() as session:
        session.execute(text("CREATE TABLE wanted (mine INTEGER)"))  # the last one that is made
    with pytest.raises(DatabaseAway, match="could not be brought up to date"):
        empty.prepare()
    assert tables(empty) == {"wanted"}
    with empty.reading() as session:
        assert session.execute(text("SELECT mine FROM wanted")).all() == []


def test_a_database_that_is_up_to_date_is_left_alone(database, monkeypatch):
    monkeypatch.setattr(migrate, "upgrade", lambda _: pytest.fail("there is nothing to do"))
    database.prepare()


def test_processes_that_start_at_once_migrate_one_after_the_other(empty_url, tmp_path):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(4), context.SimpleQueue()

    def first_start():
        start.wait()
        try:
            Database(empty_url, tmp_path).prepare()
        except DatabaseAway as exc:
            answers.put(str(exc))
        else:
            answers.put("done")

    processes = [context.Process(target=first_start) for _ in range(4)]
    for process in processes:
        process.start()
    assert [answers.get() for _ in processes] == ["done"] * 4
    for process in processes:
        process.join()
    database = Database(empty_url, tmp_path)
    assert tables(database) == set(Base.metadata.tables)
    database.close()


HELD = (
    "INSERT INTO held VALUES ('1.1.7', 7, '1.0', '1.1', '1.9', '1.2', 'ee', 5, 'p7', 'NODE', :at,"
    " 1, 'CT')",
)
COPIES = (
    "INSERT INTO held VALUES ('1.1.8', 7, '1.0', '1.1', '1.11', '1.2', 'ef', 5, 'p8', 'NODE', :at,"
    " 1, 'CT', 'marked')",
    "INSERT INTO delivery (id, study_uid, series_uid, destination, state, attempts, refusals,"
    " token, due, created_at) VALUES (6, '1.1', '1.11', 'lab', 'waiting', 0, 0, 0, :at, :at),"
    " (7, '1.1', '1.11', 'desk', 'sent', 1, 0, 1, :at, :at)",
    "INSERT INTO rejection VALUES ('1.12', 'withdrawn', '1.1', 'A', 'released', :at, '[]', NULL,"
    " NULL, :at, NULL, NULL), ('1.13', 'withdrawn', '1.1', 'A', 'released', :at, '[]', NULL, NULL,"
    " :at, NULL, NULL), ('1.13', 'superseded', '1.1', 'A', 'acquired', :at, '[]', NULL, NULL, :at,"
    " NULL, NULL), ('1.14', 'refused', '1.1', 'A', 'blurred', :at, '[]', NULL, NULL, :at, :at,"
    " NULL)",
)
"""A marked copy that waits for one place and was sent to another, two that are withdrawn, and a
result that was given up."""


def found(database: Database, query: str) -> list[tuple]:
    with database.reading() as session:
        return [tuple(row) for row in session.execute(text(query))]


def test_what_is_held_is_a_result_until_somebody_says_otherwise_and_an_older_program_sees_no_copy(
    in_flight,
):
    database, _, _ = in_flight
    migrate.upgrade(database._engine, "0010")
    fill(database, HELD)
    database.prepare()
    assert found(database, "SELECT sop_instance_uid, role FROM held") == [("1.1.7", "result")]
    fill(database, COPIES)
    migrate.downgrade(database._engine, "0010")
    assert found(database, "SELECT sop_instance_uid FROM held") == [("1.1.7",)]
    assert found(database, "SELECT path FROM doomed") == [("p8",)]
    states = found(database, "SELECT id, state FROM delivery ORDER BY id")
    assert states == [(5, "sending"), (6, "failed"), (7, "sent")]
    why = found(database, "SELECT series_uid, because FROM rejection ORDER BY series_uid")
    assert why == [("1.12", "superseded"), ("1.13", "superseded")]
    database.prepare()
    assert found(database, "SELECT role FROM held") == [("result",)]
