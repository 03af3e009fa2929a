"""What a row gives back: the time that was put in, in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from dicom_node.db import Database, StudyRow

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001


def kept(database: Database, time: datetime) -> datetime:
    with database.transaction() as session:
        session.merge(StudyRow(uid="1.2", state="x", revision=0, first_at=time, last_at=time))
    with database.reading() as session:
        return session.scalars(select(StudyRow.first_at)).one()


@given(time=TIMES)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None
)
def test_a_time_of_any_zone_comes_back_as_the_same_moment_in_utc(database, time):
    back = kept(database, time)
    assert back == time
    assert back.utcoffset() == timedelta(0)


def test_the_zone_of_the_server_does_not_show(postgres, tmp_path, now):
    database = Database(f"{postgres.url()}?options=-c%20TimeZone%3DAsia/Tokyo", tmp_path)
    database.prepare()
    back = kept(database, now)
    assert (back, back.utcoffset()) == (now, timedelta(0))
    assert back.isoformat() == "2026-01-02T03:04:05+00:00"
    database.close()


def test_a_time_without_a_zone_is_refused(database):
    with pytest.raises(StatementError, match="a time without a zone"):
        kept(database, datetime(2026, 1, 2))  # noqa: DTZ001 - the fault
    assert kept(database, datetime(2026, 1, 2, tzinfo=UTC)) == datetime(2026, 1, 2, tzinfo=UTC)


def test_an_absent_time_stays_absent(database, now):
    kept(database, now)
    with database.reading() as session:
        assert session.scalars(select(StudyRow.asked_at)).one() is None


def test_text_with_a_zero_is_kept_and_found_without_it(database, now):
    study = StudyRow(uid="1.2\0", state="x", revision=0, first_at=now, last_at=now)
    study.evidence, study.patient_id = "a\0b", "\0P"
    with database.transaction() as session:
        session.add(study)
    asked = select(StudyRow.evidence, StudyRow.patient_id).where(
        StudyRow.uid.in_(["1.2\0"]), StudyRow.patient_id <= "P\0"
    )
    with database.reading() as session:
        assert session.execute(asked).one() == ("ab", "P")
