"""A database of the first version, a queue in flight, brought to the newest: nothing is lost."""

from datetime import timedelta

import pytest
from sqlalchemy import inspect

from dicom_node.db import Database, migrate
from dicom_node.jobs import JobQueue
from dicom_node.lease import Lease, process_owner
from dicom_node.outbox import Outbox
from dicom_node.values import DeliveryState, JobState
from tests.support.first_schema import FIRST, FirstArchive, uids_of
from tests.support.mr import MrSeries

US = Lease(process_owner(), 30.0)
MODEL = {"name": "tiny", "version": "1.0.0", "digest": "sha256:00"}


@pytest.fixture
def first(empty_url, tmp_path, now):
    """Every table of 0001 with rows: jobs and deliveries in every state that one may stand in."""
    database = Database(empty_url, tmp_path)
    archive = FirstArchive(database, tmp_path / "archive", now, now + timedelta(hours=1))
    for number, state in enumerate(JobState):
        series = MrSeries(seed=str(state), slices=2, size=8)
        archive.study(series)
        archive.job(series, str(state), MODEL, priority=number % 3)
    archive.receiving(MrSeries(seed="coming", slices=2, size=8))
    archive.conflict(MrSeries(seed="coming", slices=2, size=8))
    for number, state in enumerate(("waiting", "sending", "sent", "failed")):
        made = MrSeries(seed=f"made {number}", slices=4, size=8)
        uids = uids_of(made.datasets())
        sent = uids if state == "sent" else uids[:number]
        archive.delivery(made, MrSeries(seed="done").study_uid, state, sent)
    yield archive.write()
    database.close()


def rows(database: Database, columns: dict[str, list[str]]) -> dict[str, list[tuple]]:
    """Return every row of the tables, in these columns."""
    found = {}
    with database._engine.connect() as connection:
        for table, names in columns.items():
            query = f"SELECT {', '.join(names)} FROM {table}"  # noqa: S608 - our own names
            found[table] = sorted(map(tuple, connection.exec_driver_sql(query)), key=repr)
    return found


def columns_of(database: Database) -> dict[str, list[str]]:
    with database._engine.connect() as connection:
        seen = inspect(connection)
        tables = set(seen.get_table_names()) - {"alembic_version"}
        return {table: [one["name"] for one in seen.get_columns(table)] for table in tables}


def test_every_value_of_the_first_schema_is_there_after_the_upgrade(first):
    columns = columns_of(first.database)
    before = rows(first.database, columns)
    assert all(before.values()), "a table that is empty proves nothing"
    first.database.prepare()
    assert rows(first.database, columns) == before


def test_a_row_that_an_upgrade_lost_would_be_seen(first):
    columns = columns_of(first.database)
    before = rows(first.database, columns)
    with first.database._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM delivery_item WHERE delivery_id = 1")
    assert rows(first.database, columns) != before


def test_every_value_of_the_first_schema_is_there_after_the_way_back(first):
    columns = columns_of(first.database)
    before = rows(first.database, columns)
    first.database.prepare()
    migrate.downgrade(first.database._engine, FIRST)
    assert columns_of(first.database) == columns
    assert rows(first.database, columns) == before


def claimed(archive: FirstArchive, at) -> list[int]:
    """Return the jobs that a worker gets, one after another."""
    found = []
    with archive.database.transaction() as session:
        while (job := JobQueue(session).claim(at, US)) is not None:
            found.append(job.id)
    return found


def job_in(archive: FirstArchive, state: JobState) -> int:
    with archive.database.reading() as session:
        (job,) = JobQueue(session).list([state])
        return job.id


def test_what_waited_is_claimed_and_what_ran_is_left_to_its_holder_until_the_lease_ends(first):
    first.database.prepare()
    waiting, running = job_in(first, JobState.WAITING), job_in(first, JobState.RUNNING)
    with first.database.transaction() as session:
        assert JobQueue(session).reclaim(first.now) == []
    assert claimed(first, first.now) == [waiting]
    late = first.lease_until + timedelta(seconds=1)
    with first.database.transaction() as session:
        lost = {job.id for job in JobQueue(session).reclaim(late)}
    assert lost == {waiting, running}


def test_a_worker_of_before_cannot_finish_what_another_took_after_the_upgrade(first):
    first.database.prepare()
    late = first.lease_until + timedelta(seconds=1)
    with first.database.reading() as session:
        (held,) = JobQueue(session).list([JobState.RUNNING])
    with first.database.transaction() as session:
        JobQueue(session).reclaim(late)
    assert held.id in claimed(first, late)
    with first.database.transaction() as session:
        assert not JobQueue(session).renew(held, late, US)


def test_a_delivery_goes_on_with_what_was_not_answered_and_what_is_sent_is_asked_for(first):
    first.database.prepare()
    folder = first.folder
    with first.database.transaction() as session:
        assert Outbox(session, folder).reclaim(first.now, all_of_them=True) == 1
        seen = []
        while (one := Outbox(session, folder).claim("pacs", first.now, US)) is not None:
            seen.append((one.id, len(one.unsent), one.total, one.state))
    sending = DeliveryState.SENDING
    assert sorted(seen) == [(1, 4, 4, sending), (2, 3, 4, sending)]
    query = "SELECT id FROM delivery WHERE ask_due IS NOT NULL"
    with first.database._engine.connect() as connection:
        assert connection.exec_driver_sql(query).scalars().all() == [3]


def test_what_is_new_after_the_upgrade_gets_a_number_of_its_own(first):
    first.database.prepare()
    made = MrSeries(seed="made later", slices=2, size=8)
    first._instances(made.datasets(), "made")
    first.write()
    with first.database.transaction() as session:
        outbox = Outbox(session, first.folder)
        assert outbox.add(made.study_uid, made.series_uid, ["pacs"], first.now) == 1
