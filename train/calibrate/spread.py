"""What a network's disagreement with itself says of its error, learned and tried on subjects."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.quality import Seen, Spread

__all__ = ["Errors", "calibration", "errors_of", "fit_spread"]

_BINS = 10
_MOST = 20_000
"""Voxels of a subject: more tell no more."""


@dataclass(frozen=True, eq=False, slots=True)
class Errors:
    """Voxels of one subject's body: how far two answers are apart, and how far one is off.

    Shapes
    ------
    apart, error : (N,)
    """

    apart: NDArray[np.float32]
    error: NDArray[np.float32]


def errors_of(made: Seen, again: Seen, truth: Seen, number: int) -> Errors:
    """Return what was seen of a subject's result within its body; ``number`` draws the voxels."""
    inside = np.flatnonzero(made.body & truth.body)
    if inside.size > _MOST:
        inside = np.random.default_rng(number).choice(inside, _MOST, replace=False)
    here, there, true = (one.voxels.ravel()[inside] for one in (made, again, truth))
    return Errors(np.abs(here - there), here - true)


def fit_spread(subjects: Sequence[Errors]) -> Spread:
    """Return floor and slope by least squares of squared errors on squared disagreements, binned.

    Bins hold equally many voxels, so that the many that agree do not drown the few that do not.
    """
    apart = np.concatenate([one.apart for one in subjects]).astype(np.float64)
    error = np.concatenate([one.error for one in subjects]).astype(np.float64)
    order = np.argsort(apart)
    squares = [
        (float(np.mean(apart[part] ** 2)), float(np.mean(error[part] ** 2)))
        for part in np.array_split(order, 5 * _BINS)
        if part.size
    ]
    x, y = np.array(squares).T
    slope = max(float(np.cov(x, y)[0, 1] / max(float(np.var(x, ddof=1)), 1e-12)), 0.0)
    floor = max(float(y.mean() - slope * x.mean()), 0.25 * float(y.min()))
    return Spread(float(f"{np.sqrt(floor):.4g}"), float(f"{np.sqrt(slope):.4g}"))


def calibration(subjects: Sequence[Errors], folds: Sequence[int]) -> dict[str, Any]:
    """Return how true spreads are of subjects that they were not fitted to.

    ``within`` is the share of voxels that are off by at most one spread and at most two; of normal
    errors 0.68 and 0.95. ``bins`` hold equally many voxels each: the spread that was predicted, and
    the root mean square of the errors that were seen.

    Parameters
    ----------
    folds : sequence of int
        In which fold each of them lies.
    """
    predicted, seen = [], []
    parted = list(zip(subjects, folds, strict=True))
    for fold in sorted(set(folds)):
        own = [one for one, its in parted if its == fold]
        spread = fit_spread([one for one, its in parted if its != fold])
        predicted += [spread.of(one.apart) for one in own]
        seen += [np.abs(one.error) for one in own]
    spreads, errors = np.concatenate(predicted), np.concatenate(seen)
    order = np.argsort(spreads, kind="stable")
    return {
        "within": [float(f"{(errors <= times * spreads).mean():.3f}") for times in (1, 2)],
        "bins": [
            [_root(spreads[part]), _root(errors[part])] for part in np.array_split(order, _BINS)
        ],
    }


def _root(values: NDArray[np.float32]) -> float:
    return float(f"{np.sqrt(np.mean(values.astype(np.float64) ** 2)):.4g}")
