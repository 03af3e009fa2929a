"""Group commit: many threads, few commits, and an answer for every one of them."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from time import sleep

import pytest

from dicom_node.archive import Outcome
from dicom_node.archive.group import GroupCommit
from dicom_node.db import InstanceRow, StudyRow
from dicom_node.errors import ArchiveBroken, DatabaseAway, NodeError, NotDicom
from tests.dicom_node.archive.objects import instance

WAIT_S = 20


class Ledger:
    """A commit that a test opens batch by batch, and that notes what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.open = threading.Semaphore(0)
        self.group = GroupCommit(self.commit)

    def commit(self, items):
        self.batches.append(list(items))
        self.entered.release()
        assert self.open.acquire(timeout=WAIT_S)
        return self.outcomes(items)

    def outcomes(self, items):
        return [-item for item in items]

    def wait_for(self, waiting: int) -> None:
        """Wait until so many stand behind the batch that is being committed."""
        deadline = threading.Event()
        for _ in range(WAIT_S * 200):
            if len(self.group._queue) == waiting:
                return
            deadline.wait(0.005)
        pytest.fail(f"{len(self.group._queue)} wait, not {waiting}")


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(100) as pool:
        yield pool


def test_one_thread_alone_is_committed_at_once(ledger):
    ledger.open.release()
    assert ledger.group.submit(7) == -7
    assert ledger.batches == [[7]]


def test_those_who_come_during_a_commit_are_committed_together(ledger, threads):
    first = threads.submit(ledger.group.submit, 1)
    ledger.entered.acquire(timeout=WAIT_S)
    others = {item: threads.submit(ledger.group.submit, item) for item in range(2, 10)}
    ledger.wait_for(8)
    assert not any(other.done() for other in others.values())
    ledger.open.release(2)
    assert first.result(WAIT_S) == -1
    assert {item: other.result(WAIT_S) for item, other in others.items()} == {
        item: -item for item in range(2, 10)
    }
    assert [sorted(batch) for batch in ledger.batches] == [[1], list(range(2, 10))]


def test_a_batch_is_no_larger_than_a_transaction_should_be(ledger, threads):
    first = threads.submit(ledger.group.submit, 0)
    ledger.entered.acquire(timeout=WAIT_S)
    others = [threads.submit(ledger.group.submit, item) for item in range(1, 80)]
    ledger.wait_for(79)
    ledger.open.release(3)
    assert [first.result(WAIT_S), *(other.result(WAIT_S) for other in others)] == [
        -item for item in range(80)
    ]
    assert [len(batch) for batch in ledger.batches] == [1, 64, 15]


def test_whoever_leads_is_answered_with_its_own_batch_however_many_follow(ledger, threads):
    leader = threads.submit(ledger.group.submit, 0)
    followers = []
    for item in range(1, 20):  # somebody always stands behind the batch that is committed
        ledger.entered.acquire(timeout=WAIT_S)
        followers.append(threads.submit(ledger.group.submit, item))
        ledger.wait_for(1)
        ledger.open.release()
        assert leader.result(WAIT_S) == 0
    ledger.open.release()
    assert [follower.result(WAIT_S) for follower in followers] == [-n for n in range(1, 20)]


def test_an_error_reaches_every_item_of_its_batch_and_no_other(ledger, threads):
    def refuse_the_odd(items):
        if any(item % 2 for item in items):
            raise DatabaseAway("the database is locked")
        return [-item for item in items]

    ledger.outcomes = refuse_the_odd
    first = threads.submit(ledger.group.submit, 0)
    ledger.entered.acquire(timeout=WAIT_S)
    unlucky = [threads.submit(ledger.group.submit, item) for item in (1, 2, 4)]
    ledger.wait_for(3)
    ledger.open.release(2)
    assert first.result(WAIT_S) == 0
    for one in unlucky:
        with pytest.raises(DatabaseAway, match="locked"):
            one.result(WAIT_S)
    ledger.open.release()
    assert ledger.group.submit(6) == -6


@pytest.mark.parametrize("bug", ["raises", "too few", "too many", "none"])
def test_a_bug_hangs_nobody_and_nobody_is_told_success(ledger, threads, bug):
    def buggy(items):
        if bug == "raises":
            raise ZeroDivisionError
        answers = {"too few": [-item for item in items[1:]], "too many": [0, *items], "none": None}
        return answers[bug]

    ledger.outcomes = buggy
    first = threads.submit(ledger.group.submit, 1)
    ledger.entered.acquire(timeout=WAIT_S)
    others = [threads.submit(ledger.group.submit, item) for item in (2, 3, 4)]
    ledger.wait_for(3)
    ledger.open.release(1 + 1 + 2)  # together first, then each but the one that shows it
    errors = [one.exception(WAIT_S) for one in (first, *others)]
    assert all(errors), "nobody is told success"
    bugs = [error for error in errors if not isinstance(error, NodeError)]
    assert len(bugs) == 2, "one thread of each batch shows the bug itself"
    rest = [error for error in errors if isinstance(error, NodeError)]
    assert [type(error) for error in rest] == [ArchiveBroken] * 2


def test_after_a_bug_the_next_one_is_committed_as_ever(ledger):
    ledger.open.release(2)
    ledger.outcomes = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        ledger.group.submit(1)
    ledger.outcomes = lambda items: [-item for item in items]
    assert ledger.group.submit(2) == -2


def test_many_threads_each_get_their_own_answer_whatever_happens():
    dice = random.Random(7)

    def commit(items):
        luck = dice.random()
        if luck < 0.2:
            raise DatabaseAway("locked")
        if luck < 0.25:
            raise ZeroDivisionError
        committed.update(items)
        return [-item for item in items]

    committed: set[int] = set()
    group, answered = GroupCommit(commit), []

    def send(thread: int) -> None:
        for number in range(50):
            item = thread * 1000 + number
            with suppress(NodeError, ZeroDivisionError):
                assert group.submit(item) == -item
                answered.append(item)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(send, range(16)))
    assert len(answered) > 300
    assert set(answered) == committed


@pytest.mark.parametrize("fault", [NotDicom("one value too long"), ZeroDivisionError()])
def test_one_that_cannot_be_committed_fails_alone(ledger, threads, fault):
    def refuse_three(items):
        if 3 in items:
            raise fault
        return [-item for item in items]

    ledger.outcomes = refuse_three
    first = threads.submit(ledger.group.submit, 0)
    ledger.entered.acquire(timeout=WAIT_S)
    others = {}
    for item in (1, 2, 3, 4):
        others[item] = threads.submit(ledger.group.submit, item)
        ledger.wait_for(item)
    ledger.open.release(1 + 1 + 4)
    assert first.result(WAIT_S) == 0
    failed = {item for item, other in others.items() if other.exception(WAIT_S)}
    shows = set() if isinstance(fault, NotDicom) else {1}  # the thread that led, of a bug
    assert failed == {3} | shows
    assert all(other.result() == -item for item, other in others.items() if item not in failed)
    ledger.open.release()
    assert ledger.group.submit(6) == -6


@contextmanager
def one_batch(store, monkeypatch, count: int):
    """Give threads for ``count`` instances, which are committed together."""
    settle, batches = store.files.settle, []

    def settle_when_all_wait(places, **how):
        batches.append(places)
        for _ in range(4000 if len(batches) == 1 else 0):
            if len(store.archive._group._queue) == count:
                break
            sleep(0.005)
        settle(places, **how)

    monkeypatch.setattr(store.files, "settle", settle_when_all_wait)
    with ThreadPoolExecutor(count + 1) as pool:
        first = pool.submit(store.keep, instance("first"))
        while not batches:
            assert not first.done(), first.exception()
            sleep(0.005)
        yield pool
    assert len(batches[1]) == count


@pytest.mark.parametrize("fault", ["no letters", "too long"])
def test_what_the_database_does_not_take_is_refused_and_spoils_nobody_elses(
    store, monkeypatch, fault
):
    if fault == "too long" and store.database.engine.dialect.name == "sqlite":
        pytest.skip("SQLite takes texts of any length")
    odd = {
        "no letters": {"sender": "\ud800"},
        "too long": {"association": ("x" * 40, "scanner", store.now)},
    }
    with one_batch(store, monkeypatch, 5) as pool:
        bad = pool.submit(store.keep, instance("bad"), **odd[fault])
        good = [pool.submit(store.keep, instance(f"good {n}")) for n in range(4)]
    with pytest.raises(NotDicom, match="does not take a value"):
        bad.result(0)
    assert [one.result(0).outcome for one in good] == [Outcome.NEW] * 4
    assert len(store.rows(InstanceRow)) == len(store.rows(StudyRow)) == 5
