"""Statements given to the driver: values, errors and transaction are those of all others."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from dicom_node.db import Database, SeriesRow, StudyRow
from dicom_node.db.statements import arrivals
from dicom_node.errors import DatabaseAway
from dicom_node.values import StudyState

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STUDY = {
    "uid": "1.2.3", "state": StudyState.RECEIVING.value, "revision": 2, "first_at": NOW,
    "last_at": NOW, "interrupted": False, "asked_revision": -1, "stored_bytes": 10,
}  # fmt: skip


def arrive(database: Database, **values: object) -> None:
    with database.transaction() as session:
        arrivals(session.connection()).studies.run(session.connection(), [{**STUDY, **values}])


def test_values_come_back_as_they_were_given(database):
    arrive(database)
    arrive(database, revision=3, stored_bytes=5)
    with database.reading() as session:
        (study,) = session.scalars(select(StudyRow))
    assert (study.revision, study.stored_bytes, study.first_at) == (5, 15, NOW)
    assert study.interrupted is False


def test_what_a_statement_returns_is_given_row_by_row(database):
    arrive(database)
    series = [{"study_uid": "1.2.3", "uid": uid, "synthetic": False} for uid in ("1.1", "1.2")]
    with database.transaction() as session:
        connection = session.connection()
        said = arrivals(connection)
        assert said.series.run(connection, series) == []
        session.get_one(SeriesRow, ("1.2", "1.2.3")).header = {"00080060": {"vr": "CS"}}
        session.flush()
        assert said.bare.run(connection, series) == ["1.1"]


def test_an_error_rolls_everything_back_and_has_its_usual_name(database):
    orphan = {"study_uid": "9.9.9", "uid": "1.1", "synthetic": False}

    def arrive_with_an_orphan() -> None:
        with database.transaction() as session:
            arrivals(session.connection()).studies.run(session.connection(), [STUDY])
            arrivals(session.connection()).series.run(session.connection(), [orphan])

    with pytest.raises(IntegrityError):
        arrive_with_an_orphan()
    with database.reading() as session:
        assert session.scalars(select(StudyRow)).all() == []


def test_a_database_that_went_away_meanwhile_is_said_and_found_again(database):
    if database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite is in this process")

    def arrive_when_it_goes() -> None:
        with database.transaction() as session:
            number = session.scalar(text("SELECT pg_backend_pid()"))
            with database.transaction() as other:
                other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
            arrivals(session.connection()).studies.run(session.connection(), [STUDY])

    with pytest.raises(DatabaseAway, match="did not answer"):
        arrive_when_it_goes()
    arrive(database)
    with database.reading() as session:
        assert session.scalars(select(StudyRow.uid)).all() == ["1.2.3"]


def test_a_table_that_is_gone_is_a_database_that_does_not_answer(tmp_path):
    opened = Database("sqlite:///node.db", tmp_path)
    opened.prepare()
    with opened.transaction() as session:
        session.execute(text("DROP TABLE sending"))
    row = {"association_id": "a", "study_uid": "1.2.3", "last_at": NOW}
    with pytest.raises(DatabaseAway, match="no such table"), opened.transaction() as session:
        arrivals(session.connection()).sending.run(session.connection(), [row])
    opened.close()
