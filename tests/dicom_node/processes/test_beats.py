"""Who lives is seen in the database, whichever process asks."""

import os
from datetime import timedelta

import pytest

from dicom_node.lease import process_owner
from dicom_node.processes import Beat, Kind, Processes
from dicom_node.tally import Count, Tally


@pytest.fixture
def processes(database):
    with database.transaction() as session:
        yield Processes(session)


def test_a_process_that_beats_is_seen_with_what_it_has_counted(processes, now):
    counts = (Count("received_instances_total", {"outcome": "new"}, 3.0),)
    first = Beat("elsewhere/boot/1/2", Kind.WORKER, now, now)
    processes.beat(first)
    later = Beat(first.owner, Kind.WORKER, now, now + timedelta(seconds=10), counts)
    processes.beat(later)
    assert processes.seen_since(now) == [later]
    assert processes.seen_since(now + timedelta(seconds=11)) == []


def test_one_that_has_died_on_this_host_is_not_waited_for(processes, now):
    mine = process_owner()
    host, boot, _, started = mine.split("/")
    processes.beat(Beat(mine, Kind.LISTENER, now, now))
    processes.beat(Beat(f"{host}/{boot}/{os.getpid()}/{int(started) - 1}", Kind.WEB, now, now))
    assert [beat.owner for beat in processes.seen_since(now)] == [mine]


def test_one_that_ended_is_forgotten_at_once_and_one_that_vanished_after_a_day(processes, now):
    processes.beat(Beat("a/b/1/1", Kind.WEB, now, now))
    processes.beat(Beat("a/b/2/2", Kind.WEB, now, now))
    processes.ended("a/b/1/1")
    assert [beat.owner for beat in processes.seen_since(now)] == ["a/b/2/2"]
    processes.beat(Beat("a/b/3/3", Kind.WEB, now, now + timedelta(days=1, seconds=1)))
    assert [beat.owner for beat in processes.seen_since(now)] == ["a/b/3/3"]


def test_a_tally_counts_each_set_of_labels_apart():
    tally = Tally()
    tally.add("sent_instances_total", {"destination": "pacs", "status": "0x0000"})
    tally.add("sent_instances_total", {"status": "0x0000", "destination": "pacs"}, 2)
    tally.add("sent_instances_total", {"destination": "share", "status": "0x0000"})
    assert [(one.labels["destination"], one.value) for one in tally.counts()] == [
        ("pacs", 3), ("share", 1),
    ]  # fmt: skip
