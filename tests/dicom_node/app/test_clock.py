"""A clock that was ahead is set right: what it made wait does not wait for as long as it was."""

from datetime import timedelta

import pytest

from dicom_node.app.clock import SetBack
from dicom_node.db import Database, JobRow, StudyRow
from dicom_node.rejections import Because, Rejections
from tests.dicom_node.jobs.plans import Queue, plan

AHEAD = timedelta(hours=2)
SOON = timedelta(seconds=20)


@pytest.fixture
def queue(tmp_path, now):
    """A queue with one job that is due soon, by a clock that is two hours ahead."""
    database = Database("sqlite:///node.db", tmp_path)
    database.prepare()
    found = Queue(database, now + AHEAD).study()
    found.add(plan())
    with database.transaction() as session:
        session.query(JobRow).one().due = now + AHEAD + SOON
    yield found
    database.close()


def due(queue):
    with queue.database.reading() as session:
        return session.query(JobRow).one().due, session.query(StudyRow).one().last_at


def test_what_waits_goes_back_with_the_clock(queue, now):
    stage = SetBack(queue.database)
    stage.tick(now + AHEAD)
    assert due(queue) == (now + AHEAD + SOON, now + AHEAD)
    stage.tick(now)
    assert due(queue)[0] == now + SOON
    stage.tick(now + SOON)
    assert due(queue)[0] == now + SOON, "once"


def test_a_node_that_was_stopped_meanwhile_sees_it_at_its_start(queue, now):
    SetBack(queue.database).tick(now)
    assert due(queue)[0] == now + SOON


def test_a_rejection_that_was_put_off_by_a_clock_ahead_is_told_soon(queue, now):
    """Its note cannot be made yet, say; it is tried again soon, not hours later."""
    place, said = ("1.9", "1.7"), ("A. Physicist", "wrong")
    with queue.database.transaction() as session:
        rejections = Rejections(session)
        rejections.reject(place, Because.RECALLED, said, now + AHEAD)
        (one,) = rejections.due(now + AHEAD)
        rejections.later(one, now + AHEAD + SOON, "nothing tells the patient")
    SetBack(queue.database).tick(now)
    with queue.database.reading() as session:
        assert Rejections(session).due(now) == []
        assert [each.series_uid for each in Rejections(session).due(now + SOON)] == ["1.7"]


@pytest.mark.parametrize("by", [timedelta(seconds=-3), timedelta(0), timedelta(days=1)])
def test_a_clock_that_is_corrected_a_little_or_goes_forward_changes_no_row(queue, now, by):
    stage = SetBack(queue.database)
    stage.tick(now + AHEAD)
    stage.tick(now + AHEAD + by)
    assert due(queue)[0] == now + AHEAD + SOON
