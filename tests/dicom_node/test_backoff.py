"""When the next try is: later each time, and never later than five minutes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dicom_node.backoff import Daily, next_try

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_first_tries_come_after_two_four_and_eight_seconds():
    waits = [(next_try(NOW, attempts) - NOW).total_seconds() for attempts in (1, 2, 3)]
    assert waits == [2, 4, 8]


@given(st.integers(1, 10_000))
def test_no_wait_is_shorter_than_the_one_before_or_longer_than_five_minutes(attempts):
    before, after = next_try(NOW, attempts) - NOW, next_try(NOW, attempts + 1) - NOW
    assert timedelta(seconds=2) <= before <= after <= timedelta(minutes=5)


def test_a_peer_that_was_away_for_long_is_asked_every_five_minutes():
    assert next_try(NOW, 1000) - NOW == timedelta(minutes=5)


def test_without_a_failure_there_is_nothing_to_wait_for():
    assert next_try(NOW, 0) == NOW


def test_what_is_done_once_a_day_is_done_at_the_start_and_a_day_later():
    daily, now = Daily(), datetime(2026, 1, 2, tzinfo=UTC)
    assert [daily.is_due(now + timedelta(hours=hours)) for hours in (0, 1, 23, 24, 25, 49)] == [
        True, False, False, True, False, True,
    ]  # fmt: skip
