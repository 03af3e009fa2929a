"""What was found of a result, as numbers and as yes or no, for those who report it."""

from dataclasses import dataclass

import numpy as np

from dicom_node.results.companions.common import unit_of
from dicom_node.results.making import Making
from engine.volume import Volume

__all__ = ["Answer", "Number", "answers", "numbers"]

_PERCENTILE = 95
_TINY = 1e-9
_SCORES = ("unlike_within", "unlike_outside", "unlike_grain", "grain_spread")
"""The gate's figures of how unlike the subjects that limits were set on a source is."""


@dataclass(frozen=True, slots=True)
class Number:
    """One measured value.

    Parameters
    ----------
    code, what : str
        In our coding scheme: its value and its meaning.
    value : float
    unit : (code, meaning)
        In UCUM.
    """

    code: str
    what: str
    value: float
    unit: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """One statement, and whether it holds; the code is of our coding scheme."""

    code: str
    what: str
    holds: bool


def numbers(making: Making) -> tuple[Number, ...]:
    """Return what was measured; a model without limits measures no likeness and no uncertainty."""
    made = making.synthesis
    away = [
        _beside_limit(check.figure, *check.limit)
        for check in made.checks
        if check.name in _SCORES and np.isfinite(check.limit).any()
    ]
    found = [] if made.spread is None else _uncertainty(made.spread)
    if away:
        score = Number(
            "SYN-110",
            "In-distribution score: distance from the usual, beside its limit",
            max(away),
            unit_of("1"),
        )
        found.insert(0, score)
    outside = 1.0 - float(np.mean(np.asarray(made.inside, dtype=bool)))
    what = "Fraction outside of the source's field of view"
    found.append(Number("SYN-113", what, outside, unit_of("1")))
    return tuple(one for one in found if np.isfinite(one.value))


def _beside_limit(figure: float, low: float, high: float) -> float:
    """Return how much of its limit a figure uses up: more than 1 is outside."""
    if not np.isfinite(figure):
        return float(np.inf)
    return figure / high if np.isfinite(high) else low / max(figure, _TINY)


def _uncertainty(spread: Volume) -> list[Number]:
    """Return mean and 95th percentile over the body; outside of it the spread is 0."""
    voxels = np.asarray(spread.voxels, dtype=np.float64)
    body, unit = voxels[voxels > 0], unit_of(spread.unit)
    if not body.size:
        return []
    most = float(np.percentile(body, _PERCENTILE))
    return [
        Number("SYN-111", "Mean uncertainty in the body", float(body.mean()), unit),
        Number("SYN-112", "95th percentile of the uncertainty in the body", most, unit),
    ]


def answers(making: Making) -> tuple[Answer, ...]:
    """Return what holds of a result.

    That its source is of the right sequence, evenly spaced and of the right anatomy holds of every
    result: a source that is not is refused before anything is made. Of a gate something is said
    only where the model has one.
    """
    judged = (
        Answer("SYN-120", "Sequence type accepted", holds=True),
        Answer("SYN-121", "Slice spacing uniform", holds=True),
        Answer("SYN-122", "Anatomy within validated region", holds=True),
    )
    made = making.synthesis
    if not made.checks:
        return judged
    return (*judged, Answer("SYN-130", "Quality gate passed", holds=not made.held))
