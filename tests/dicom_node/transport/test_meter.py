"""What a message has cost so far, and when it is too much."""

import gc
import time

import pytest

from dicom_node.transport import Bounds, Memory, Meter, OutOfMemory, TooLarge, TooSlow


def bounds(memory: Memory, **values) -> Bounds:
    limits = {"idle_s": 1.0, "message_s": 60.0, "longest_pdu": 1000, "data_set": 100, "other": 10}
    return Bounds(**{**limits, **values}, memory=memory)


@pytest.fixture
def memory() -> Memory:
    return Memory(150)


def test_a_data_set_may_be_as_large_as_is_said_and_no_larger(memory):
    meter = Meter(bounds(memory))
    meter.data(60, stored=True)
    meter.data(40, stored=True)
    with pytest.raises(TooLarge, match=r"limits\.data_set_mb"):
        meter.data(1, stored=True)


def test_what_is_not_stored_has_a_size_of_its_own(memory):
    meter = Meter(bounds(memory))
    with pytest.raises(TooLarge, match=r"limits\.message_mb"):
        meter.data(11, stored=False)


def test_all_messages_together_have_one_memory(memory):
    first, second = Meter(bounds(memory)), Meter(bounds(memory))
    first.data(100, stored=True)
    with pytest.raises(OutOfMemory, match=r"limits\.memory_mb"):
        second.data(51, stored=True)
    second.data(50, stored=True)
    first.end()
    second.end()
    assert memory.taken == 0


def test_a_message_that_is_let_go_of_is_still_timed(memory, monkeypatch):
    meter = Meter(bounds(memory, message_s=10.0))
    meter.data(100, stored=True)
    meter.drop()
    assert memory.taken == 0
    now = time.monotonic()
    monkeypatch.setattr("dicom_node.transport.meter.monotonic", lambda: now + 11)
    with pytest.raises(TooSlow, match=r"limits\.message_s = 10"):
        meter.on_time()


def test_the_next_message_begins_with_the_whole_time(memory, monkeypatch):
    meter = Meter(bounds(memory, message_s=10.0))
    meter.data(1, stored=True)
    meter.end()
    now = time.monotonic()
    monkeypatch.setattr("dicom_node.transport.meter.monotonic", lambda: now + 11)
    meter.data(100, stored=True)


def test_a_command_is_counted_up_to_its_end(memory):
    meter = Meter(bounds(memory))
    meter.command(2**16)
    meter.end()
    meter.command(2**16)
    with pytest.raises(TooLarge):
        meter.command(1)


def test_a_meter_that_nobody_has_any_more_holds_nothing(memory):
    meter = Meter(bounds(memory))
    meter.data(80, stored=True)
    assert memory.taken == 80
    del meter
    gc.collect()
    assert memory.taken == 0
