"""When to try again, and when it is time for what is done once a day. The time is an argument."""

from datetime import datetime, timedelta

__all__ = ["Daily", "next_try"]

_FIRST_S, _LONGEST_S = 2.0, 300.0


def next_try(now: datetime, attempts: int) -> datetime:
    """Return the time of the next try after ``attempts`` that failed.

    Two seconds, then double each time, five minutes at the most: a peer that was restarted is
    reached within five minutes however long it was away.
    """
    seconds = min(_LONGEST_S, _FIRST_S * 2 ** min(attempts - 1, 10)) if attempts > 0 else 0.0
    return now + timedelta(seconds=seconds)


class Daily:
    """Says when it is time for something that is done once a day, and at the start."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether it is time; then it is not again for a day."""
        if self._last is not None and now - self._last < timedelta(days=1):
            return False
        self._last = now
        return True
