"""Whoever holds pynetdicom's reactor holds it: no turn is taken meanwhile."""

import sys
import threading
import time

import pytest

from dicom_node.transport import Checkpoint


class Reactor:
    """Turns as pynetdicom's does: it says that it sleeps before it does."""

    def __init__(self, checkpoint: threading.Event) -> None:
        self.checkpoint, self.is_paused, self.turns, self.over = checkpoint, False, 0, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while not self.over:
            self.is_paused = True
            self.checkpoint.wait()
            self.is_paused = False
            self.turns += 1

    def turns_while_held(self) -> int:
        """Hold it as pynetdicom does, and return how many turns it took all the same."""
        self.checkpoint.clear()
        while not self.is_paused:
            time.sleep(0.0001)
        before = self.turns
        time.sleep(0.0002)
        after = self.turns
        self.checkpoint.set()
        return after - before

    def end(self) -> None:
        self.over = True
        self.checkpoint.set()
        self.thread.join(5)


@pytest.fixture
def hasty():
    """Threads that change places all the time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_a_reactor_that_is_held_takes_no_turn(hasty):
    reactor = Reactor(Checkpoint())
    try:
        assert sum(reactor.turns_while_held() for _ in range(1500)) == 0
        assert reactor.turns > 0
    finally:
        reactor.end()


def test_an_event_of_its_own_lets_it_turn(hasty):
    """The fault that it is for: were it gone, this class could go, too."""
    event = threading.Event()
    event.set()
    reactor = Reactor(event)
    try:
        assert any(reactor.turns_while_held() for _ in range(20_000))
    finally:
        reactor.end()


def test_a_thread_that_has_ended_is_not_waited_for_without_end():
    checkpoint = Checkpoint()
    began = time.monotonic()
    checkpoint.clear()
    assert time.monotonic() - began < 20
    assert not checkpoint.is_set()
    checkpoint.set()
    assert checkpoint.wait(0)
