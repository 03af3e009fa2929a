"""Group commit: one thread commits for all that wait; each is answered when its row is safe."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from dicom_node.errors import ArchiveBroken, NodeError

__all__ = ["GroupCommit"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
_MOST = 64


class _Waiting(Generic[Item, Outcome]):
    """One item; its thread sleeps until its turn: the item is settled, or the thread is to lead.

    It sleeps on a bare lock: an Event makes one for every sleep, and three more of its own.
    """

    __slots__ = ("_turn", "error", "item", "leads", "outcome")

    def __init__(self, item: Item) -> None:
        self.item = item
        self._turn = threading.Lock()
        self._turn.acquire()
        self.leads = False
        self.outcome: Outcome | None = None
        self.error: NodeError | None = None

    def lead(self) -> None:
        """Wake its thread to commit the next batch."""
        self.leads = True
        self._turn.release()

    def settle(self, error: NodeError | None) -> None:
        """Wake its thread to answer, with what is known of its item."""
        self.error = error
        self._turn.release()

    def sleep(self) -> None:
        """Return when it is its turn."""
        self._turn.acquire()


class GroupCommit(Generic[Item, Outcome]):
    """Collect what several threads want committed, and commit it together.

    The first thread to come leads: it commits one batch, its own item in it, and leaves the lead to
    the first of those that queued up meanwhile. So nobody waits for more than two commits, however
    many others keep coming.

    Parameters
    ----------
    commit : callable
        Takes the items of one batch, commits them in one transaction, and returns an outcome for
        each, in order. When it raises a NodeError, every item of that batch has failed with it.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Outcome]]) -> None:
        self._commit = commit
        self._lock = threading.Lock()
        self._queue: list[_Waiting[Item, Outcome]] = []
        self._led = False

    def submit(self, item: Item) -> Outcome:
        """Return the outcome of ``item`` once it is committed; raise what its batch raised."""
        waiting: _Waiting[Item, Outcome] = _Waiting(item)
        with self._lock:
            self._queue.append(waiting)
            if not self._led:
                self._led = True
                waiting.lead()
        waiting.sleep()
        if waiting.leads:
            self._lead()
        if waiting.error is not None:
            raise waiting.error
        return waiting.outcome  # type: ignore[return-value]

    def _lead(self) -> None:
        with self._lock:
            batch, self._queue = self._queue[:_MOST], self._queue[_MOST:]
        try:
            self._settle(batch)
        finally:  # after a bug too: those who wait, and those who come, need somebody to lead
            with self._lock:
                self._led = bool(self._queue)
                if self._queue:
                    self._queue[0].lead()

    def _settle(self, batch: Sequence[_Waiting[Item, Outcome]]) -> None:
        error: NodeError | None = ArchiveBroken("the commit failed on a bug; see the log")
        try:
            outcomes = self._commit([waiting.item for waiting in batch])
            for waiting, outcome in zip(batch, outcomes, strict=True):
                waiting.outcome = outcome
            error = None
        except NodeError as exc:
            error = exc
        finally:  # on a bug too: no thread may sleep for ever, and none may answer Success
            for waiting in batch:
                waiting.settle(error)
