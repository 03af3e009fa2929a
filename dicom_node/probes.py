"""Single instances that were fetched to be looked at: they are caught, and not archived."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["DRAW", "LOOK", "Probe", "Probes"]

LOOK = 2
"""Message ID of a C-MOVE of ours for one instance, to look at it; no other has it. What is sent for
a series that is fetched meanwhile says another, and is to stay."""
DRAW = 3
"""That of a C-MOVE of ours for what is drawn to learn from: it is kept apart."""


@dataclass(slots=True)
class Probe:
    """An instance that is expected; ``content`` is its encoded data set once it came."""

    peer: str
    sop_instance_uid: str
    content: bytes | None = None
    transfer_syntax_uid: str = ""


class Probes:
    """What is expected from whom; shared by the listener and by who asks.

    An instance in the archive would begin a series here, and the node would wait for the rest. It
    is caught only where the peer says that it sends it because we asked (PS3.7 9.3.1.1, Move
    Originator), and does not say that we asked for something else: else it is sent to stay.

    Parameters
    ----------
    ae_title : str
        Ours.
    """

    def __init__(self, ae_title: str) -> None:
        self._ae_title = ae_title.strip()
        self._lock = threading.Lock()
        self._expected: dict[tuple[str, str], Probe] = {}

    @contextmanager
    def expected(self, peer: str, sop_instance_uid: str) -> Iterator[Probe]:
        """Catch an instance of ``peer``, as long as the block lasts."""
        probe = Probe(peer, sop_instance_uid)
        with self._lock:
            self._expected[peer, sop_instance_uid] = probe
        try:
            yield probe
        finally:
            with self._lock:
                self._expected.pop((peer, sop_instance_uid), None)

    def caught(
        self,
        peer: str,
        announced: tuple[str, str],
        originator: tuple[str, int],
        content: bytes,
        syntax: str,
    ) -> bool:
        """Whether an instance is one of these; then it is caught, and not to be archived.

        Parameters
        ----------
        announced : (SOP Class UID, SOP Instance UID)
            Of the command.
        originator : (str, int)
            Move Originator Application Entity Title (0000,1030), empty where there is none, and
            Move Originator Message ID (0000,1031), 0 where there is none: not every peer gives it.
        """
        ae_title, message_id = originator
        if not self._expected or ae_title.strip() != self._ae_title:
            return False
        if message_id not in (0, LOOK):
            return False
        with self._lock:
            probe = self._expected.get((peer, announced[1]))
            if probe is None:
                return False
            probe.content, probe.transfer_syntax_uid = content, syntax
            return True
