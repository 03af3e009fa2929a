"""When to try again. Pure: the time is an argument."""

from datetime import datetime, timedelta

__all__ = ["next_try"]

_FIRST_S, _LONGEST_S = 2.0, 300.0


def next_try(now: datetime, attempts: int) -> datetime:
    """Return the time of the next try after ``attempts`` that failed.

    Two seconds, then double each time, five minutes at the most: a peer that was restarted is
    reached within five minutes however long it was away.
    """
    seconds = min(_LONGEST_S, _FIRST_S * 2 ** min(attempts - 1, 10)) if attempts > 0 else 0.0
    return now + timedelta(seconds=seconds)
