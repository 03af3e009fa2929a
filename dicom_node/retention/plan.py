"""What would go now, and what stays and why; nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from dicom_node.archive.upkeep import Holding, Holdings
from dicom_node.retention.policy import Keep, Verdict, judge

__all__ = ["Planned", "plan"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One study, with what would become of it."""

    holding: Holding
    verdict: Verdict


def plan(session: Session, now: datetime, keep: Keep) -> Iterator[Planned]:
    """Yield every study of which there are objects here, the oldest first.

    It decides as the stage does: by age first, and then by size, until the archive is small enough.
    """
    holdings = Holdings(session)
    over = holdings.size() - keep.max_bytes if keep.max_bytes else 0
    if over > 0:
        over -= sum(_size(one, judge(one, now, keep)) for one in holdings.all())
    for holding in holdings.all():
        verdict = judge(holding, now, keep)
        if over > 0:
            by_size = judge(holding, now, keep, over=True)
            more = _size(holding, by_size) - _size(holding, verdict)
            if more > 0:
                verdict, over = by_size, over - more
        yield Planned(holding, verdict)


def _size(holding: Holding, verdict: Verdict) -> int:
    return sum(holding.amount(going.part).size for going in verdict.going)
