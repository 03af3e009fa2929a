"""From figures of held-out subjects to limits: as far beyond the furthest as a rule says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log10
from typing import Any

import numpy as np

from engine.quality import Figure, Limit

__all__ = ["RULE", "Rule", "limits_of", "written"]


@dataclass(frozen=True, slots=True)
class Rule:
    """How far beyond the furthest held-out subject a limit lies.

    Parameters
    ----------
    hold, refuse : float
        Times the distance of that subject from the median; at the lower end of a ratio, the power
        of its ratio to it. Of figures that are spread normally, with a hundred subjects, 0.75 is
        4.4 standard deviations from the middle.
    """

    hold: float = 0.75
    refuse: float = 3.0


RULE = Rule()


def limits_of(
    figures: Sequence[Mapping[str, float]], known: Mapping[str, Figure], rule: Rule = RULE
) -> dict[str, Limit]:
    """Return a limit for each figure of ``known``, from one mapping per subject."""
    return {
        name: _limit([one[name] for one in figures], figure, rule) for name, figure in known.items()
    }


def _limit(seen: Sequence[float], figure: Figure, rule: Rule) -> Limit:
    middle, low, high = float(np.median(seen)), min(seen), max(seen)

    def ends(times: float, slack: float) -> tuple[float, float]:
        below = low - max(times * (middle - low), slack)
        if figure.is_ratio:  # half as much is as far as twice as much, and nothing is outside
            below = min(low * (low / middle) ** times, max(low - slack, 0)) if low > 0 else 0.0
        if figure.middle is not None:
            below = max(below, min(figure.middle, low - slack))
        above = high + max(times * (high - middle), slack)
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
