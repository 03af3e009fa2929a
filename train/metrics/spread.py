"""How sure a mean over subjects is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Interval", "bootstrap"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the interval that 95 % of resampled means lie in."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """As JSON holds it, two digits behind the point."""
        return {"mean": round(self.mean, 2), "low": round(self.low, 2), "high": round(self.high, 2)}


def bootstrap(values: Sequence[float], *, seed: int = 0, draws: int = 10_000) -> Interval:
    """Resample subjects with replacement.

    Parameters
    ----------
    values : sequence of float
        One figure per subject: scans of one subject are no independent ones.

    References
    ----------
    Efron and Tibshirani 1993, An Introduction to the Bootstrap, Section 13.3 (percentiles).
    """
    known = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = known[rng.integers(len(known), size=(draws, len(known)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(known.mean()), float(low), float(high))
