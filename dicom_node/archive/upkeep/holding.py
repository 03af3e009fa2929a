"""One study of the archive, as far as it matters for whether it may go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dicom_node.values import DeliveryState, JobState, StudyState

__all__ = ["Amount", "Holding", "Part"]


class Part(StrEnum):
    """What of a study goes: what came, with what lies apart; or what was made here."""

    RECEIVED = "received"
    MADE = "made"


@dataclass(frozen=True, slots=True)
class Amount:
    """Objects of one part.

    Parameters
    ----------
    instances : int
        How many, those that lie apart too.
    size : int
        Bytes of their data sets; of what lies apart no size is known.
    latest_at : datetime or None
        When the last of them came or was made; None where there is none.
    promised : int
        How many of them a peer was promised, by storage commitment.
    """

    instances: int = 0
    size: int = 0
    latest_at: datetime | None = None
    promised: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """One study, as far as it matters for whether it may go.

    Parameters
    ----------
    since : datetime
        When its last new instance came: the order in which studies are looked at.
    last_at : datetime
        When an instance of it came last, known ones too.
    peers : tuple of str
        Who sent to it.
    jobs, deliveries : tuples
        States of its jobs; destination and state of each delivery of what was made of it. A job's
        sources are all of its own study.
    awaited : tuple of (str, datetime)
        Peers that were asked about it, or that a series of it is fetched from, and until when.
    """

    uid: str
    state: StudyState
    since: datetime
    last_at: datetime
    peers: tuple[str, ...] = ()
    jobs: tuple[JobState, ...] = ()
    deliveries: tuple[tuple[str, DeliveryState], ...] = ()
    awaited: tuple[tuple[str, datetime], ...] = ()
    parts: Mapping[Part, Amount] = field(default_factory=dict)

    def amount(self, part: Part) -> Amount:
        """Return how much there is of one part."""
        return self.parts.get(part, Amount())

    @property
    def size(self) -> int:
        """Bytes of all its objects."""
        return sum(amount.size for amount in self.parts.values())
