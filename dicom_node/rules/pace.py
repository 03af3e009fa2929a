"""How often a peer is asked: by whoever asks, of all in this process together."""

import threading
from time import monotonic, sleep

__all__ = ["Pace"]


class Pace:
    """Gives each who asks a peer a turn, with a time between one and the next.

    Parameters
    ----------
    every_s : float
        How long at least.
    """

    def __init__(self, every_s: float = 0.0) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    def wait(self, peer: str, until: float | None = None) -> bool:
        """Wait for a turn to ask ``peer``; False, at once, where there is none ``until`` then.

        Parameters
        ----------
        until : float or None
            On the clock of :func:`time.monotonic`.
        """
        now = monotonic()
        with self._lock:
            at = max(now, self._free_at.get(peer, now))
            if until is not None and at >= until:
                return False
            self._free_at[peer] = at + self._every_s
        if at > now:
            sleep(at - now)
        return True
