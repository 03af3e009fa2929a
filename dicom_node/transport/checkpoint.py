"""Where pynetdicom's reactor sleeps while somebody else uses its association."""

import threading

__all__ = ["Checkpoint"]

_ONE_TURN_S = 2.0


class Checkpoint(threading.Event):
    """Stands in for the event at which the thread of an association waits; set lets it turn.

    pynetdicom clears it, and goes on once the thread says that it sleeps. It says so before it
    does: one that has just passed takes another turn, and may take the answer to what is asked
    meanwhile for a request that it does not know. Whoever asked then waits in vain for its whole
    time. Here clearing returns when the thread does sleep.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asleep = threading.Event()
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until it is set."""
        if self.is_set():
            return True
        self._asleep.set()
        return super().wait(timeout)

    def set(self) -> None:
        """Let the thread turn."""
        self._asleep.clear()
        super().set()

    def clear(self) -> None:
        """Have the thread sleep; return when it does, or after a while where it has ended."""
        super().clear()
        self._asleep.wait(_ONE_TURN_S)
