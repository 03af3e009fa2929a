"""The database held still, and PostgreSQL's programs as they are started."""

import os
import sqlite3
import stat
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from dicom_node.db import Database, StudyRow
from dicom_node.db.programs import libpq, run
from dicom_node.db.refill import is_empty, place_of, refill
from dicom_node.db.snapshot import snapshot
from dicom_node.errors import BackupError, DatabaseAway

T0 = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def filled(empty_url, tmp_path):
    opened = Database(empty_url, tmp_path)
    opened.prepare()
    add(opened, "1.1")
    with opened.transaction() as session:
        for number, path in enumerate(("b/2", "a/é", "a/1", "B/1", "a-1")):
            values = {"uid": f"1.{number}", "path": path, "at": T0}
            session.execute(text(INSTANCE), values)
        session.execute(text(CONFLICT), {"at": T0})
    yield opened
    opened.close()


INSTANCE = (
    "INSERT INTO instance (sop_instance_uid, sop_class_uid, study_uid, series_uid, sha256, path, "
    "transfer_syntax_uid, size, origin, sender, received_at) "
    "VALUES (:uid, '1', '1.1', '1.8', 'ab', :path, '1.2', 7, 'received', 'S', :at)"
)
CONFLICT = (
    "INSERT INTO conflict (sop_instance_uid, study_uid, series_uid, sha256, path, sender, "
    "received_at) VALUES ('1.0', '1.1', '1.8', 'cd', 'a/2', 'S', :at)"
)


def add(database: Database, uid: str) -> None:
    with database.transaction() as session:
        session.add(StudyRow(uid=uid, state="routed", first_at=T0, last_at=T0))


def studies(database: Database) -> list[str]:
    with database.reading() as session:
        return sorted(session.scalars(text("SELECT uid FROM study")))


def test_what_is_committed_meanwhile_is_not_in_it(filled, empty_url, tmp_path):
    with snapshot(filled) as moment:
        add(filled, "1.2")
        files = list(moment.files())
        add(filled, "1.3")
        moment.write(tmp_path / "copy")
    assert studies(filled) == ["1.1", "1.2", "1.3"]
    (tmp_path / "other").mkdir()
    again = empty_url if "sqlite" in empty_url else other_of(filled)
    empty = Database(again, tmp_path / "other")
    assert is_empty(empty)
    refill(empty, tmp_path / "copy")
    assert not is_empty(empty)
    assert studies(empty) == ["1.1"]
    assert len(files) == 6
    empty.close()


def other_of(database: Database) -> str:
    """Return the URL of a new database on the same server."""
    url = database.engine.url
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE DATABASE {url.database}_other"))
    return url.set(database=f"{url.database}_other").render_as_string(hide_password=False)


def test_files_come_sorted_by_their_characters_and_not_by_a_language(filled, tmp_path):
    """The walk through two lists goes by that order; a language would put a-1 elsewhere."""
    if filled.engine.dialect.name == "postgresql":
        filled = in_english(filled, tmp_path)
    with snapshot(filled) as moment:
        found = [(file.path, file.size) for file in moment.files()]
    filled.close()
    assert len(found) == 6
    assert found == sorted(found)
    assert ("a/2", -1) in found


def in_english(database: Database, folder) -> Database:
    """Return the same rows in a database that sorts as people do."""
    name = f"{database.engine.url.database}_english"
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        sorts = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'"
        connection.execute(text(f"CREATE DATABASE {name} {sorts}"))
    url = database.engine.url.set(database=name).render_as_string(hide_password=False)
    english = Database(url, folder)
    with snapshot(database) as moment:
        moment.write(folder / "copy")
    refill(english, folder / "copy")
    with english.reading() as session:
        query = text("SELECT path FROM instance ORDER BY path")
        plain = session.scalars(query).all()
    assert plain != sorted(plain), "this database shows nothing"
    return english


def test_a_database_that_is_no_node_s_is_told(empty_url, tmp_path):
    opened = Database(empty_url, tmp_path)
    with opened.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
    with pytest.raises(DatabaseAway, match="is it that of a node"), snapshot(opened):
        pass
    opened.close()


def test_a_damaged_database_is_not_taken_for_a_good_one(tmp_path):
    opened = Database("sqlite:///node.db", tmp_path)
    opened.prepare()
    with opened.transaction() as session:
        for number in range(300):
            session.add(StudyRow(uid=f"1.{number}", state="routed", first_at=T0, last_at=T0))
    opened.close()
    content = bytearray((tmp_path / "node.db").read_bytes())
    with sqlite3.connect(tmp_path / "node.db") as plain:
        (page,) = plain.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_study_state'"
        ).fetchone()
        (size,) = plain.execute("PRAGMA page_size").fetchone()
    plain.close()
    content[(page - 1) * size + 100 : page * size] = bytes(size - 100)
    (tmp_path / "node.db").write_bytes(content)
    with (
        pytest.raises(BackupError, match=r"^the database is damaged: .*; restore an earlier"),
        snapshot(opened) as moment,
    ):
        moment.write(tmp_path / "copy")
    opened.close()


def test_a_password_is_never_a_word_of_a_command(tmp_path, monkeypatch):
    """Everybody on the machine could read it."""
    url = make_url("postgresql://me:s3cret@db.example:5433/node?sslmode=require")
    name, secret = libpq(url)
    assert (name, secret) == ("postgresql://me@db.example:5433/node?sslmode=require", "s3cret")
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$@" > words; echo "$PGPASSWORD" > secret\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    run("pg_dump", f"--dbname={name}", secret=secret)
    assert "s3cret" not in (tmp_path / "words").read_text()
    assert (tmp_path / "secret").read_text() == "s3cret\n"
    opened = Database("postgresql://me:s3cret@db.example/node", tmp_path)
    assert "s3cret" not in place_of(opened)
    opened.close()


def test_a_program_that_is_not_there_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        BackupError, match="pg_dump is not on the PATH; install PostgreSQL's client"
    ):
        run("pg_dump", "--version")


def test_a_program_that_fails_says_why_in_one_line():
    with pytest.raises(BackupError) as caught:
        run("pg_dump", "--dbname=postgresql://nobody@127.0.0.1:1/none")
    assert str(caught.value).startswith("pg_dump failed: error: connection to server")
    assert "\n" not in str(caught.value)
