"""What may go. Pure: everything it looks at is an argument.

1. Never: a study in reception or not planned yet; one with a job that waits, runs or is held; one
   of which a delivery is not receipted; one that a peer is asked about, or sends a series of; what
   a peer was promised by storage commitment; what ``keep_…`` names.
2. By age: what was received so long after its last instance, what was made so long after it was
   made.
3. By size: while the archive holds more than it may, the oldest studies, whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from dicom_node.archive.upkeep import Amount, Holding, Part
from dicom_node.settings import Settings
from dicom_node.values import DeliveryState, JobState, StudyState

__all__ = ["Going", "Keep", "Verdict", "judge"]

_OPEN = (JobState.WAITING, JobState.RUNNING, JobState.HELD)
_IN_RECEPTION = timedelta(hours=1)
"""A study that somebody sent to so lately is in reception, whatever its state: known instances that
come again change nothing of it, and files so young are not deleted."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What ``[retention]`` says.

    Parameters
    ----------
    received_days, made_days, keep_days : float
        Days; 0 for never, of ``keep_days`` for none.
    max_bytes : int
        How much the archive may hold; 0 for no limit.
    keep_from, keep_studies : frozenset of str
        Peers by name, and studies by UID, of which everything stays.
    delivered : {"receipted", "best"}
        What has to hold of a delivery: its destination vouches for it; or, by "best", it was sent
        to one that nobody can ask.
    unable : frozenset of str
        Destinations that cannot vouch for what they got. One that is configured no more is none of
        them: what it vouched for before, nobody can say without it.
    """

    received_days: float = 0.0
    made_days: float = 0.0
    max_bytes: int = 0
    keep_days: float = 0.0
    keep_from: frozenset[str] = frozenset()
    keep_studies: frozenset[str] = frozenset()
    delivered: Literal["receipted", "best"] = "receipted"
    unable: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what the configuration says."""
        said = settings.file.retention
        return cls(
            received_days=said.received_days,
            made_days=said.made_days,
            max_bytes=int(said.max_gb * 1e9),
            keep_days=said.keep_days,
            keep_from=frozenset(said.keep_from),
            keep_studies=frozenset(said.keep_studies),
            delivered=said.delivered,
            unable=settings.unable_names(),
        )

    def days(self, part: Part) -> float:
        """Return after how many days a part goes."""
        return self.received_days if part is Part.RECEIVED else self.made_days

    def done(self, destination: str) -> DeliveryState:
        """Return what a delivery to ``destination`` has to be."""
        is_enough = self.delivered == "best" and destination in self.unable
        return DeliveryState.SENT if is_enough else DeliveryState.RECEIPTED

    @property
    def youngest_days(self) -> float:
        """After how many days anything may go by its age; 0 where nothing ever does."""
        return min((days for days in (self.received_days, self.made_days) if days), default=0.0)


@dataclass(frozen=True, slots=True)
class Going:
    """One part of a study that goes, and the rule that says so."""

    part: Part
    rule: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What goes of a study, and why the rest stays."""

    going: tuple[Going, ...] = ()
    stays: tuple[str, ...] = ()


def judge(holding: Holding, now: datetime, keep: Keep, *, over: bool = False) -> Verdict:
    """Return what of a study goes at ``now``, and why the rest stays.

    Parameters
    ----------
    over : bool
        Whether the archive holds more than it may.
    """
    if forbids := tuple(_forbids(holding, now, keep)):
        return Verdict(stays=forbids)
    promised = tuple(_promised(part) for part in Part if holding.amount(part).promised)
    there = [part for part in Part if _is_free(holding.amount(part))]
    if over:
        rule = f"retention.max_gb = {keep.max_bytes / 1e9:g}"
        return Verdict(tuple(Going(part, rule) for part in there), promised)
    going = tuple(
        Going(part, f"retention.{part}_days = {keep.days(part):g}")
        for part in there
        if _is_old(holding, part, now, keep)
    )
    gone = {one.part for one in going}
    stays = tuple(_young(part, keep) for part in there if part not in gone)
    return Verdict(going, promised + stays)


def _forbids(holding: Holding, now: datetime, keep: Keep) -> Iterator[str]:
    """Yield what forbids to delete anything of a study."""
    if holding.state is not StudyState.ROUTED:
        yield "it is in reception, or not planned yet"
    elif now - holding.last_at < _IN_RECEPTION:
        yield "somebody sent to it less than an hour ago"
    for job in sorted({state for state in holding.jobs if state in _OPEN}):
        yield f"a job of it is {job}"
    for destination, state in sorted(set(holding.deliveries)):
        wanted = keep.done(destination)
        if state not in (wanted, DeliveryState.RECEIPTED):
            yield f"what was made of it is {state} for {destination}; {wanted} is wanted"
    for peer in sorted({peer for peer, until in holding.awaited if now < until}):
        yield f"{peer} is still asked about it, or sends a series of it"
    yield from _kept(holding, now, keep)


def _kept(holding: Holding, now: datetime, keep: Keep) -> Iterator[str]:
    """Yield what is to be kept by name, or for its youth."""
    if now - holding.last_at < timedelta(days=keep.keep_days):
        yield f"retention.keep_days = {keep.keep_days:g}"
    for peer in sorted(keep.keep_from.intersection(holding.peers)):
        yield f"retention.keep_from names {peer}"
    if holding.uid in keep.keep_studies:
        yield "retention.keep_studies names it"


def _is_free(amount: Amount) -> bool:
    return amount.instances > 0 and not amount.promised


def _promised(part: Part) -> str:
    return f"a peer was promised what was {part} (storage commitment)"


def _is_old(holding: Holding, part: Part, now: datetime, keep: Keep) -> bool:
    latest = holding.amount(part).latest_at
    since = holding.last_at if part is Part.RECEIVED else latest or holding.last_at
    days = keep.days(part)
    return days > 0 and now - since >= timedelta(days=days)


def _young(part: Part, keep: Keep) -> str:
    days = keep.days(part)
    if not days:
        return f"no age is set for what was {part} (retention.{part}_days)"
    return f"what was {part} is younger than retention.{part}_days = {days:g}"
