"""From figures of held-out subjects to limits: beyond all of them, as far as a rule says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log10
from typing import Any

import numpy as np

from engine.quality import Limit
from engine.task import Figure

__all__ = ["RULE", "Rule", "limits_of", "written"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How far beyond held-out subjects a limit lies.

    Counted from the third furthest, so that a single odd one does not move it far; but never nearer
    than the furthest. Of few subjects there is no odd one: it is counted from the furthest.

    Parameters
    ----------
    hold, refuse : float
        Times the distance of that subject from the median; at the lower end of a ratio, the power
        of its ratio to it. Of figures that are spread normally, with fifty subjects, 1.5 is about
        four standard deviations from the middle.
    """

    hold: float = 1.5
    refuse: float = 5.0


RULE = Rule()
_ODD, _MANY = 2, 30
"""So many subjects may be odd on either side where there are many."""


def limits_of(
    figures: Sequence[Mapping[str, float]], known: Mapping[str, Figure], rule: Rule = RULE
) -> dict[str, Limit]:
    """Return a limit for each figure of ``known``, from one mapping per subject."""
    return {
        name: _limit([one[name] for one in figures], figure, rule) for name, figure in known.items()
    }


def _limit(seen: Sequence[float], figure: Figure, rule: Rule) -> Limit:
    ordered, middle = sorted(seen), float(np.median(seen))
    odd = _ODD if len(ordered) >= _MANY else 0
    low, third_low, third_high, high = (ordered[at] for at in (0, odd, -1 - odd, -1))

    def ends(times: float, slack: float) -> tuple[float, float]:
        below = min(third_low - times * (middle - third_low), low - slack)
        if figure.is_ratio:  # half as much is as far as twice as much, and nothing is outside
            least = third_low * (third_low / middle) ** times if third_low > 0 else 0.0
            below = min(least, max(low - slack, 0))
        if figure.middle is not None and low >= figure.middle:
            below = max(below, min(figure.middle, low - slack))
        above = max(third_high + times * (third_high - middle), high + slack)
        return (
            below if figure.side != "high" else -inf,
            above if figure.side != "low" else inf,
        )

    hold = ends(rule.hold, figure.slack)
    return Limit(hold, ends(rule.refuse, 4 * figure.slack) if figure.refuses else (-inf, inf))


def written(limits: Mapping[str, Limit]) -> dict[str, Any]:
    """Return limits as JSON holds them; null where there is none."""
    return {
        name: {"hold": _ends(limit.hold), "refuse": _ends(limit.refuse)}
        for name, limit in limits.items()
    }


def _ends(ends: tuple[float, float]) -> list[float | None]:
    """Return both ends in five digits, rounded outwards: who set a limit is within it."""
    return [_rounded(ends[0], floor), _rounded(ends[1], ceil)]


def _rounded(value: float, way: Callable[[float], int]) -> float | None:
    if abs(value) == inf:
        return None
    if value == 0:
        return 0.0
    digit = 10.0 ** (floor(log10(abs(value))) - 4)
    return float(f"{way(value / digit) * digit:.6g}")
