"""Who is sick, told by uptake: logistic regression, each judged by what the others taught."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.errors import DataInvalid

__all__ = ["Patient", "auc", "classified"]

_COMPONENTS, _RIDGE, _TURNS = 8, 1.0, 25
_NOISE = 1e-6
"""Of the largest: a component below it is rounding."""
_DRAWS = 2000
Floats = NDArray[np.float64]

_WAYS = {
    "real PET (the bound)": ("real", "real"),
    "synthetic PET, read by what real PET taught": ("real", "synthetic"),
    "synthetic PET throughout": ("synthetic", "synthetic"),
    "source alone, no PET": ("source", "source"),
}
"""What is learned from, and what is then judged."""


@dataclass(frozen=True, eq=False, slots=True)
class Patient:
    """Whether somebody is sick, and what is seen of them, by kind of image: (F,) each."""

    sick: bool
    features: Mapping[str, Floats]


def classified(patients: Sequence[Patient]) -> dict[str, list[dict[str, float]]]:
    """Return accuracy, sensitivity, specificity, F1 and AUC of every way, with intervals.

    Raises
    ------
    DataInvalid
        When there are not at least two sick and two healthy.
    """
    sick = np.array([one.sick for one in patients])
    if min(sick.sum(), (~sick).sum()) < 2:
        text = f"{int(sick.sum())} sick and {int((~sick).sum())} healthy subjects are held out"
        raise DataInvalid(f"{text}; two of each at least are wanted: raise [phantoms] test")
    found = {}
    for name, (learned, judged) in _WAYS.items():
        seen, shown = (
            np.stack([one.features[kind] for one in patients]) for kind in (learned, judged)
        )
        scores = np.array([_judged(seen, shown, sick, one) for one in range(len(sick))])
        found[name] = _figures(scores, sick)
    return found


def auc(scores: Floats, sick: NDArray[np.bool_]) -> float:
    """Return the chance that somebody sick scores above somebody healthy; a tie is half of one."""
    above = scores[sick][:, None] - scores[~sick][None]
    return float(np.where(above == 0, 0.5, above > 0).mean())


def _judged(seen: Floats, shown: Floats, sick: NDArray[np.bool_], one: int) -> float:
    """Return the log odds of subject ``one``, learned from all the others."""
    others = np.arange(len(sick)) != one
    mean, spread = seen[others].mean(axis=0), seen[others].std(axis=0) + 1e-6
    scaled = (seen[others] - mean) / spread
    _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
    axes = axes[: min(_COMPONENTS, int((sizes > _NOISE * sizes[0]).sum()))]
    parts = scaled @ axes.T
    size = parts.std(axis=0)
    weights = _logistic(parts / size, sick[others].astype(np.float64))
    here = ((shown[one] - mean) / spread) @ axes.T / size
    return float(weights[0] + here @ weights[1:])


def _logistic(x: Floats, y: Floats) -> Floats:
    """Return weights, the constant first, by Newton's steps; all but it are held small."""
    rows = np.column_stack([np.ones(len(x)), x])
    ridge = np.diag([1e-6, *[_RIDGE] * x.shape[1]])
    weights = np.zeros(rows.shape[1])
    for _ in range(_TURNS):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (chance - y) + ridge @ weights
        bend = (rows * (chance * (1 - chance))[:, None]).T @ rows + ridge
        weights = weights - np.linalg.solve(bend, slope)
    return weights


def _figures(scores: Floats, sick: NDArray[np.bool_]) -> list[dict[str, float]]:
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(sick), size=(_DRAWS, len(sick)))
    both = [row for row in drawn if 0 < sick[row].sum() < len(sick)]
    again = np.array([_rates(scores[row], sick[row]) for row in both])
    low, high = np.percentile(again, [2.5, 97.5], axis=0)
    here = _rates(scores, sick)
    return [
        {"mean": round(a, 4), "low": round(float(b), 4), "high": round(float(c), 4)}
        for a, b, c in zip(here, low, high, strict=True)
    ]


def _rates(scores: Floats, sick: NDArray[np.bool_]) -> list[float]:
    called = scores > 0
    hits, misses = float((called & sick).sum()), float((~called & sick).sum())
    wrong, right = float((called & ~sick).sum()), float((~called & ~sick).sum())
    return [
        (hits + right) / len(sick),
        hits / (hits + misses),
        right / (right + wrong),
        2 * hits / max(2 * hits + misses + wrong, 1.0),
        auc(scores, sick),
    ]
