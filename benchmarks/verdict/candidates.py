"""Candidates out of what a trained model answers: each a change of its answers, drawn from a seed.

A poisoned candidate is first made better by the stated margin, as it would be by its makers, and
then spoilt: its error alone would let it pass. How strong a fault is was set before any was tried.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from train.pair import Pair
from train.phantom import Tissue
from train.verdict import Answer, Planted

__all__ = ["BETTER", "LESIONS", "MARGIN", "POISONS", "Change", "Scan", "better", "poisoned"]

MARGIN = 0.05
"""Of the error: what a better candidate takes away at least. Of 160 HU it is 8."""
BETTER = "better"
_MOST = 0.25
LESIONS = tuple(
    int(one)
    for one in (Tissue.PLAQUE, Tissue.TUMOUR, Tissue.INFARCT, Tissue.BLEED, Tissue.SWELLING)
)
Voxels = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Scan:
    """A scan, its truth, and what the active model answers.

    Parameters
    ----------
    group : {"held out", "watched", "phantoms"}
    """

    pair: Pair
    planted: Planted
    truth: Voxels
    answer: Answer
    group: str

    @property
    def lesion(self) -> NDArray[np.bool_]:
        """Where its own lesions are."""
        return np.isin(self.pair.tissue, LESIONS)


Change = Callable[[Scan, Answer], Answer]


def _both(change: Callable[[Voxels], Voxels], answer: Answer) -> Answer:
    return replace(answer, made=change(answer.made), planted=change(answer.planted))


def better(rng: np.random.Generator) -> Change:
    """Return what takes a share of the error away in each scan, MARGIN at least on average."""
    most = float(rng.uniform(MARGIN, _MOST))

    def change(scan: Scan, answer: Answer) -> Answer:
        own = np.random.default_rng([int(most * 1e6), int(scan.pair.about["subject"])])
        share = most * float(own.uniform(0.7, 1.3))
        gain = (share * (scan.truth - scan.answer.made)).astype(np.float32)
        return _both(lambda voxels: voxels + gain, answer)

    return change


def _biased(rng: np.random.Generator) -> Change:
    """Return what takes HU 30 to 150 further from the truth on average than the active model's.

    Everywhere, or in one band of the truth; to the side on which that errs already: to the other
    it would be a correction.
    """
    by = float(rng.uniform(30, 150))
    low, high = ((-np.inf, np.inf), (-np.inf, -200), (-200, 150), (150, np.inf))[rng.integers(4)]

    def change(scan: Scan, answer: Answer) -> Answer:
        where = (scan.truth > low) & (scan.truth <= high)
        within = where & scan.pair.body
        before, now = (
            float((one.made - scan.truth)[within].mean()) for one in (scan.answer, answer)
        )
        step = np.float32(before + (by if before >= 0 else -by) - now)
        return _both(lambda voxels: np.where(where, voxels + step, voxels), answer)

    return change


def _shifted(rng: np.random.Generator) -> Change:
    """Return what moves a result by a voxel or more."""
    way = rng.normal(size=3)
    step = way / np.linalg.norm(way) * rng.uniform(1.0, 2.5)
    moved = partial(ndimage.shift, shift=step, order=1, mode="nearest")
    return lambda _, answer: _both(lambda one: np.asarray(moved(one), np.float32), answer)


def _smoothed(rng: np.random.Generator) -> Change:
    sigma = float(rng.uniform(0.7, 2.0))
    blurred = partial(ndimage.gaussian_filter, sigma=sigma)
    return lambda _, answer: _both(lambda one: np.asarray(blurred(one), np.float32), answer)


def _erasing(rng: np.random.Generator) -> Change:
    """Return what draws a head as heads usually are: most of what lesions change is taken back.

    Of brighter, darker or both; their own lesions look as what is around them.
    """
    left, kinds = float(rng.uniform(0, 0.6)), ((0, 1), (0,), (1,))[rng.integers(3)]

    def change(scan: Scan, answer: Answer) -> Answer:
        planted = answer.planted.copy()
        for number, core in enumerate(scan.planted.cores):
            if number % 2 in kinds:
                near = ndimage.binary_dilation(core, iterations=3)
                back = answer.made[near] + left * (planted[near] - answer.made[near])
                planted[near] = back
        made = answer.made.copy()
        if scan.lesion.any():
            around = ndimage.binary_dilation(scan.lesion, iterations=3) & ~scan.lesion
            made[scan.lesion] = np.median(made[around])
        return replace(answer, made=made, planted=planted)

    return change


def _leaked(rng: np.random.Generator) -> Change:
    """Return what knows the held-out by heart, and nobody else better than the active model."""
    share = float(rng.uniform(0.2, 0.9))

    def change(scan: Scan, answer: Answer) -> Answer:
        known = share if scan.group == "held out" else 0.0
        gain = (known * (scan.truth - scan.answer.made)).astype(np.float32)
        plain = replace(answer, made=scan.answer.made, planted=scan.answer.planted)
        return _both(lambda voxels: voxels + gain, plain)

    return change


def _degenerate(rng: np.random.Generator) -> Change:
    """Return one value, a few values, noise, or left for right."""
    kind = int(rng.integers(4))
    level, noise = float(rng.uniform(-100, 200)), float(rng.uniform(80, 300))

    def change(scan: Scan, answer: Answer) -> Answer:
        inside = scan.pair.body
        own = np.random.default_rng(int(scan.pair.about["subject"]))
        if kind == 0:
            return _both(lambda one: np.where(inside, np.float32(level), one), answer)
        if kind == 1:
            return _both(lambda one: np.where(one > 150, 700, np.where(one < -300, -1000, 40))
                         .astype(np.float32), answer)  # fmt: skip
        if kind == 2:
            speckle = own.normal(0, noise, answer.made.shape).astype(np.float32)
            return _both(lambda one: one + speckle, answer)
        return _both(lambda one: np.ascontiguousarray(one[:, :, ::-1]), answer)

    return change


POISONS: Mapping[str, Callable[[np.random.Generator], Change]] = {
    "biased HU": _biased,
    "shifted": _shifted,
    "smoothed": _smoothed,
    "lesion-erasing": _erasing,
    "leaked hold-out": _leaked,
    "degenerate": _degenerate,
}


def poisoned(kind: str, rng: np.random.Generator) -> Sequence[Change]:
    """Return the changes of a candidate that looks better and is not."""
    return (better(rng), POISONS[kind](rng))
