"""Whose a lease is, and whether that process still lives."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest

from dicom_node.lease import Lease, is_dead, is_lost, process_owner


@pytest.fixture
def child():
    """A process that lives until its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    yield process
    process.kill()
    process.wait()
    process.stdin.close()


def replaced(owner: str, part: int, word: str) -> str:
    parts = owner.split("/")
    parts[part] = word
    return "/".join(parts)


def test_we_are_alive():
    assert not is_dead(process_owner())


def test_a_process_that_runs_is_alive_and_one_that_ended_is_dead(child):
    owner = process_owner(child.pid)
    assert not is_dead(owner)
    child.kill()
    child.wait()
    assert is_dead(owner)


def test_a_process_that_ended_is_dead_even_before_its_parent_asks_for_it(child):
    owner = process_owner(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert is_dead(owner)


def test_a_new_process_with_an_old_number_is_told_by_its_start():
    ours = process_owner()
    earlier = replaced(ours, 3, str(int(ours.split("/")[3]) - 1))
    assert is_dead(earlier)


def test_what_was_held_before_the_machine_was_started_anew_is_dead():
    assert is_dead(replaced(process_owner(), 1, "another-boot"))


def test_of_a_process_of_another_host_nothing_is_known():
    gone = replaced(process_owner(), 3, "1")
    assert is_dead(gone)
    assert not is_dead(replaced(gone, 0, "another-host"))


@pytest.mark.parametrize("tail", ["", "/", "/x", "/x/y", "/x/y/z"])
def test_a_name_that_no_process_was_given_belongs_to_nobody(tail):
    host = process_owner().split("/")[0]
    assert is_dead(host + tail)


def test_a_lease_is_lost_when_it_runs_out_or_its_process_ends(now, child):
    living, later = process_owner(child.pid), now + timedelta(seconds=1)
    elsewhere = replaced(living, 0, "another-host")
    assert not is_lost(living, later, now)
    assert not is_lost(elsewhere, later, now)
    assert not is_lost(living, now, now)
    assert is_lost(living, now - timedelta(microseconds=1), now)
    assert is_lost(elsewhere, now - timedelta(microseconds=1), now)
    assert is_lost(living, None, now)
    child.kill()
    child.wait()
    assert is_lost(living, later, now)
    assert not is_lost(elsewhere, later, now)


def test_a_lease_ends_its_seconds_from_now(now):
    assert Lease("me", 30.0).until(now) == now + timedelta(seconds=30)
