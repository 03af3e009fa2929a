"""From figures of held-out subjects to limits: as far beyond the furthest as a rule says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
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
        Times the distance of that subject from the median. Of figures that are spread normally,
        with a hundred subjects, 0.75 is 4.4 standard deviations from the middle.
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
        return (
            low - max(times * (middle - low), slack) if figure.side != "high" else -inf,
            high + max(times * (high - middle), slack) if figure.side != "low" else inf,
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
    return [float(f"{one:.5g}") if abs(one) < inf else None for one in ends]
