"""When a PACS may be asked, and how long it is left alone between."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from dicom_node.cohort.spec import Draw

__all__ = ["Clock", "until_open", "wait"]

_LOOK_AGAIN_S = 60.0
"""A clock may be set meanwhile."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Local time, and how to let some of it pass; ``told`` is told what is waited for."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    told: Callable[[str], None] = lambda _: None


def wait(name: str, rule: Draw, clock: Clock) -> None:
    """Let a while pass before an archive is asked for anything, and all of the day if need be.

    The hours are asked before every question, and every few objects: a run that is long stops in
    the morning, and goes on in the evening.
    """
    if rule.hours and until_open(rule.hours, clock.now()) > 0:
        clock.told(f"{name} is drawn from at {rule.hours[0]:%H:%M} again")
    while rule.hours and (left_s := until_open(rule.hours, clock.now())) > 0:
        clock.sleep(min(left_s, _LOOK_AGAIN_S))
    if rule.pause_s:
        clock.sleep(rule.pause_s)


def until_open(hours: tuple[time, time], now: datetime) -> float:
    """Return how many seconds it is until a PACS may be asked; 0 where it may be now."""
    (first, last), at = hours, now.time()
    if first <= at < last if first < last else at >= first or at < last:
        return 0.0
    opens = now.replace(hour=first.hour, minute=first.minute, second=first.second, microsecond=0)
    if opens <= now:
        opens += timedelta(days=1)
    return (opens - now).total_seconds()
