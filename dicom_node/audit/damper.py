"""Events that come in thousands are told once a minute, with how often they came."""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicom_node.audit.message import Event
from dicom_node.audit.message.codes import SECURITY_ALERT

__all__ = ["Damper"]

_EVERY = timedelta(minutes=1)
_MOST_KEYS = 100
_OTHERS = "others"


@dataclass(slots=True)
class _Seen:
    """A key that was told, until when it is only counted, and the last event that was not told."""

    since: datetime
    count: int = 0
    last: Event | None = None

    def rest(self) -> list[Event]:
        """Return what was counted, as one event."""
        if self.last is None:
            return []
        text = f"{self.count} times since {self.since.isoformat(timespec='seconds')}"
        return [self.last.with_detail("Repeated", text)]


class Damper:
    """Lets the first event of a key through and counts those of the minute behind it.

    Safe for threads. Of more than a hundred keys in a minute, the others share one, if they are
    alerts; what is about a patient is then told each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def due(self, event: Event, now: datetime) -> list[Event]:
        """Return what is to be told now."""
        if not event.repeats:
            return [event]
        with self._lock:
            key = event.repeats
            if key not in self._seen and len(self._seen) >= _MOST_KEYS:
                if event.code != SECURITY_ALERT:
                    return [event]
                key = _OTHERS
            seen = self._seen.get(key)
            if seen is not None and now - seen.since < _EVERY:
                seen.count, seen.last = seen.count + 1, event
                return []
            self._seen[key] = _Seen(now)
            return [*(seen.rest() if seen else []), event]

    def over(self, now: datetime | None) -> list[Event]:
        """Return what was counted in minutes that are over; with None, in every minute."""
        with self._lock:
            keys = [
                k for k, seen in self._seen.items() if now is None or now - seen.since >= _EVERY
            ]
            return [event for key in keys for event in self._seen.pop(key).rest()]
