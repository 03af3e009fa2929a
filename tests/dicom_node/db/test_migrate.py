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
def empty(database_url, tmp_path):
    opened = Database(database_url, tmp_path)
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


def test_processes_that_start_at_once_migrate_one_after_the_other(database_url, tmp_path):
    context = multiprocessing.get_context("fork")
    start, answers = context.Barrier(4), context.SimpleQueue()

    def first_start():
        start.wait()
        try:
            Database(database_url, tmp_path).prepare()
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
    database = Database(database_url, tmp_path)
    assert tables(database) == set(Base.metadata.tables)
    database.close()
