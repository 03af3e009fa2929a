"""Ask the sender how many instances it has."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from dicom_node.scu import Askable

__all__ = ["AskSender", "Asks"]


class Asks(Protocol):
    """Something that knows which senders answer, and asks them."""

    def names(self) -> Sequence[str]:
        """Return who answers queries now."""

    def whom(self, peers: Sequence[str]) -> str | None:
        """Return which of ``peers`` is asked now; None where none answers queries."""

    def counts(self, peers: Sequence[str], study_uid: str) -> Mapping[str, int] | None:
        """Return instances by series UID as the first of ``peers`` that answers has them."""


class AskSender:
    """Ask who sent a study, where peers.toml says that it may be asked to find."""

    def __init__(self, askable: Askable) -> None:
        self._askable = askable

    def names(self) -> Sequence[str]:
        """Return who answers queries; not who just did not answer."""
        return self._askable.names()

    def whom(self, peers: Sequence[str]) -> str | None:
        """Return the first of ``peers`` (names) that answers queries; not who just did not."""
        able = self.names()
        return next((name for name in peers if name in able), None)

    def counts(self, peers: Sequence[str], study_uid: str) -> Mapping[str, int] | None:
        """Return instances by series UID; None where the peer does not count.

        Raises
        ------
        PeerAway, PeerRefused
            When none could be asked.
        """
        name = self.whom(peers)
        if name is None:
            return None
        there = self._askable.series(name, study_uid)
        counted = [one for one in there if one.series_uid and one.instances]
        return {one.series_uid: one.instances for one in counted} or None
