"""What a check finds: a figure beside its limit, and what follows from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from engine.reason import Code, Reason

__all__ = ["UNLIMITED", "Check", "Limit", "Verdict", "worst"]


class Verdict(StrEnum):
    """What becomes of a result: it may leave, a person has to look at it, it is not made."""

    PASS = "PASS"  # noqa: S105 - a verdict, no password
    HOLD = "HOLD"
    REFUSE = "REFUSE"


@dataclass(frozen=True, slots=True)
class Limit:
    """What a figure may be.

    Parameters
    ----------
    hold : (low, high)
        Outside of it a person has to look; infinite where there is no limit.
    refuse : (low, high)
        Outside of it nothing is made, or nothing of it is kept; at least as wide.
    """

    hold: tuple[float, float]
    refuse: tuple[float, float]

    def is_on(self, side: str) -> bool:
        """Whether there is a limit on a side: ``low``, ``high``, or ``both``."""
        low, high = (isfinite(one) for one in self.hold)
        return (low or side == "high") and (high or side == "low")

    def verdict(self, figure: float) -> Verdict:
        """Return what follows from a figure; of what is no number, the worst."""
        if not self.refuse[0] <= figure <= self.refuse[1]:
            return Verdict.REFUSE
        return Verdict.PASS if self.hold[0] <= figure <= self.hold[1] else Verdict.HOLD

    def broken(self, figure: float) -> tuple[float, float]:
        """Return the range that a figure is out of; the narrower where it is out of none."""
        return self.refuse if self.verdict(figure) is Verdict.REFUSE else self.hold


UNLIMITED = Limit((-inf, inf), (-inf, inf))
"""That of a figure which has none."""


@dataclass(frozen=True, slots=True)
class Check:
    """One figure, judged.

    Parameters
    ----------
    name : str
        Of the figure: see the tables of :mod:`engine.quality`.
    what : str
        The figure in words, with its unit.
    figure : float
    limit : (low, high)
        The range that it is held against.
    verdict : Verdict
    code : Code
        What a job is held or refused with.
    """

    name: str
    what: str
    figure: float
    limit: tuple[float, float]
    verdict: Verdict
    code: Code

    @property
    def reason(self) -> Reason:
        """The check as a reason: what was seen and what was wanted."""
        low, high = self.limit
        if low == -inf and high == inf:
            wanted = "the model's limits do not say what"
        elif high == inf:
            wanted = f"at least {low:.4g}"
        elif low == -inf:
            wanted = f"at most {high:.4g}"
        else:
            wanted = f"{low:.4g} to {high:.4g}"
        text = f"{self.what} ({self.name}) is {self.figure:.4g}; {wanted} is wanted"
        return Reason(self.code, text)


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the gravest verdict of ``checks``."""
    found: Sequence[Verdict] = [check.verdict for check in checks]
    for verdict in (Verdict.REFUSE, Verdict.HOLD):
        if verdict in found:
            return verdict
    return Verdict.PASS
