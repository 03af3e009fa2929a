"""Group commit: one thread commits for all that wait; each is answered when its row is safe."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Generic, TypeVar

from dicom_node.errors import ArchiveBroken, NodeError, NotDicom

__all__ = ["GroupCommit"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
_MOST = 64
_BUG = "the commit failed on a bug; see the log"


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
        each, in order. When it raises a NodeError, every item of that batch has failed with it:
        disk or database are away for all. Only where it raises NotDicom, or a bug shows, is one
        item at fault: then each of the batch is committed by itself.
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
        """Commit a batch and wake all of it; each by itself where one spoils it for the others."""
        with ExitStack() as after_a_bug:  # no thread may sleep for ever, and none answer Success
            after_a_bug.callback(self._apart, batch[1:])
            after_a_bug.callback(batch[0].settle, ArchiveBroken(_BUG))  # it leads, and shows it
            try:
                outcomes = self._commit([waiting.item for waiting in batch])
                pairs = tuple(zip(batch, outcomes, strict=True))
            except NodeError as exc:
                after_a_bug.pop_all()
                self._fail(batch, exc)
                return
            after_a_bug.pop_all()
        for waiting, outcome in pairs:
            waiting.outcome = outcome
            waiting.settle(None)

    def _fail(self, batch: Sequence[_Waiting[Item, Outcome]], error: NodeError) -> None:
        if isinstance(error, NotDicom) and len(batch) > 1:
            self._apart(batch)
            return
        for waiting in batch:
            waiting.settle(error)

    def _apart(self, batch: Sequence[_Waiting[Item, Outcome]]) -> None:
        """Commit each by itself, those behind a bug too."""
        with ExitStack() as each:
            for waiting in reversed(batch):
                each.callback(self._settle, [waiting])
