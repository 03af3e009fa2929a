"""What a message may cost: bytes, memory, time."""

import threading
from dataclasses import dataclass
from time import monotonic

from dicom_node.errors import NodeError

__all__ = ["Bounds", "Memory", "Meter", "OutOfMemory", "TooLarge", "TooMuch", "TooSlow"]

_LONGEST_COMMAND = 2**16
"""A command set has a dozen short elements; lists of identifiers are the longest thing in one."""


class TooMuch(NodeError):
    """A message goes beyond what is taken; the text says what, and what is allowed."""


class TooLarge(TooMuch):
    """A message that is never taken."""


class OutOfMemory(TooMuch):
    """A message that may be taken later: those in reception are together too large."""


class TooSlow(TooMuch):
    """A message that is not whole in time."""


class Memory:
    """Bytes of messages that are in reception, of all associations together.

    Parameters
    ----------
    most : int
        Bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes that are held."""
        return self._taken

    def take(self, size: int) -> bool:
        """Reserve ``size`` bytes; False where that is beyond the whole."""
        with self._lock:
            if self._taken + size > self._most:
                return False
            self._taken += size
            return True

    def give(self, size: int) -> None:
        """Let go of ``size`` bytes."""
        with self._lock:
            self._taken -= size


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is taken on one association.

    Parameters
    ----------
    idle_s : float
        How long it may be silent, and how long one PDU may take.
    message_s : float
        How long one message may take.
    longest_pdu : int
        Bytes behind the head of a P-DATA-TF.
    data_set, other : int
        Bytes of the data set of a C-STORE, and of any other message.
    memory : Memory
        Shared with all other associations.
    idle_key : str
        What sets ``idle_s``.
    """

    idle_s: float
    message_s: float
    longest_pdu: int
    data_set: int
    other: int
    memory: Memory
    idle_key: str = "listen.idle_s"


class Meter:
    """What the message in reception has cost so far; one message at a time.

    Parameters
    ----------
    bounds : Bounds
        What it may cost.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._began: float | None = None
        self._held = 0
        self._command = 0

    def __del__(self) -> None:
        """Let go of what is held, whatever became of the association."""
        self.drop()

    def command(self, size: int) -> None:
        """Count ``size`` bytes of a command set.

        Raises
        ------
        TooLarge, TooSlow
            See :class:`TooMuch`.
        """
        self.on_time()
        self._command += size
        if self._command > _LONGEST_COMMAND:
            raise TooLarge(f"a command of more than {_LONGEST_COMMAND} bytes")

    def data(self, size: int, *, stored: bool) -> None:
        """Count ``size`` bytes of a data set, ``stored`` where it is that of a C-STORE.

        Raises
        ------
        TooLarge, OutOfMemory, TooSlow
            See :class:`TooMuch`.
        """
        self.on_time()
        most = self._bounds.data_set if stored else self._bounds.other
        if self._held + size > most:
            key = "data_set_mb" if stored else "message_mb"
            raise TooLarge(f"a data set of more than limits.{key} = {most // 2**20}")
        if not self._bounds.memory.take(size):
            raise OutOfMemory("the data sets in reception are together more than limits.memory_mb")
        self._held += size

    def on_time(self) -> None:
        """See that the message is on time, whatever becomes of its bytes.

        Raises
        ------
        TooSlow
            When it is not.
        """
        now = monotonic()
        if self._began is None:
            self._began = now
        elif now - self._began > self._bounds.message_s:
            raise TooSlow(f"a message not whole in limits.message_s = {self._bounds.message_s:g}")

    def drop(self) -> None:
        """Let go of the bytes of the message; its rest may still come, and is still timed."""
        self._bounds.memory.give(self._held)
        self._held = 0

    def end(self) -> None:
        """Forget the message, and let go of its bytes."""
        self.drop()
        self._began, self._command = None, 0
