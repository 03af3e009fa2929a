"""How sure a mean over subjects is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap", "bootstrap_ratio"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with the interval that 95 % of resampled means lie in."""

    mean: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """As JSON holds it, five digits that count."""
        return {
            "mean": float(f"{self.mean:.5g}"),
            "low": float(f"{self.low:.5g}"),
            "high": float(f"{self.high:.5g}"),
        }


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
    return _between(known.mean(), known[_drawn(len(known), seed, draws)].mean(axis=1))


def bootstrap_ratio(
    over: Sequence[float], under: Sequence[float], *, seed: int = 0, draws: int = 10_000
) -> Interval:
    """Return the mean of ``over`` as a share of the mean of ``under``, subject beside subject.

    Parameters
    ----------
    over, under : sequence of float
        One figure per subject, the subjects in the same order: they are resampled together.
    """
    first, second = (np.asarray(values, dtype=np.float64) for values in (over, under))
    drawn = _drawn(len(first), seed, draws)
    least = np.finfo(np.float64).tiny
    shares = first[drawn].mean(axis=1) / np.maximum(second[drawn].mean(axis=1), least)
    return _between(first.mean() / max(float(second.mean()), least), shares)


def _drawn(count: int, seed: int, draws: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(count, size=(draws, count))


def _between(mean: float, resampled: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(mean), float(low), float(high))
