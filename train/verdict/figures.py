"""What a verdict asks of one result, beside the truth."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.volume import Volume
from train.pair import Pair
from train.phantom import Tissue

__all__ = ["BANDS", "figures_beside"]

BANDS = ("dark", "middle", "bright")
_ENDS = (15, 85)
"""Percentiles of the truth within the body that part dark, middle and bright voxels."""
_FINE_MM = 2.0
"""What is finer than this is what blurring takes."""
_LESIONS = ("PLAQUE", "TUMOUR", "INFARCT", "BLEED")
_FEWEST = 30
"""Voxels of a lesion."""
_RING = 3
"""Voxels around a lesion that it is held against."""

Voxels = NDArray[np.float32]


def figures_beside(made: Voxels, truth: Volume, pair: Pair, span: float) -> dict[str, float]:
    """Return figures of a result by name.

    ``mae``, ``me``, ``me_dark``, ``me_middle`` and ``me_bright`` in parts of ``span``;
    ``shift_mm``; ``sharp``, how much of the truth's fine detail it has; ``lesions``, of phantoms
    that have some: their contrast beside the truth's, 1 where it is kept.

    Parameters
    ----------
    made : (Z, Y, X)
        On the pair's grid, in the truth's unit.
    span : float
        1 where the unit counts; else the range of the result.
    """
    real = np.asarray(truth.voxels, dtype=np.float32)
    inside, away = pair.body, made.astype(np.float64) - real
    low, high = np.percentile(real[inside], _ENDS)
    bands = {"dark": real <= low, "middle": (real > low) & (real < high), "bright": real >= high}
    found: dict[str, float] = {"mae": float(np.abs(away[inside]).mean()) / span,
             "me": float(away[inside].mean()) / span}  # fmt: skip
    for name in BANDS:
        band = inside & bands[name]
        found[f"me_{name}"] = float(away[band].mean()) / span if band.any() else 0.0
    found |= {
        "shift_mm": _shift_mm(made, real, inside, truth.grid.spacing_mm),
        "sharp": _agreeing(_fine(made, truth)[inside], _fine(real, truth)[inside]),
    }
    return {**found, **_contrast(made, real, pair)}


def _shift_mm(
    made: Voxels, real: Voxels, inside: NDArray[np.bool_], spacing_mm: tuple[float, ...]
) -> float:
    """Return how far a result lies from the truth: the step that explains most of the error.

    References
    ----------
    Lucas and Kanade 1981, An iterative image registration technique: one step of it.
    """
    slopes = [np.gradient(real, step, axis=axis)[inside] for axis, step in enumerate(spacing_mm)]
    ways = np.stack(slopes, axis=1).astype(np.float64)
    squares = ways.T @ ways
    ridge = 1e-9 * max(float(np.trace(squares)), 1e-12) * np.eye(3)
    step = np.linalg.solve(squares + ridge, ways.T @ (real - made)[inside].astype(np.float64))
    return float(np.linalg.norm(step))


def _agreeing(made: Voxels, real: Voxels) -> float:
    """Return how much of the truth's detail is there: noise is none."""
    return float((made * real).sum(dtype=np.float64) / max((real**2).sum(dtype=np.float64), 1e-9))


def _fine(voxels: Voxels, like: Volume) -> Voxels:
    """Return what a Gaussian takes away."""
    sigma = [_FINE_MM / step for step in like.grid.spacing_mm]
    return np.asarray(voxels - ndimage.gaussian_filter(voxels, sigma), dtype=np.float32)


def _contrast(made: Voxels, real: Voxels, pair: Pair) -> Mapping[str, float]:
    """Return the contrast of a phantom's lesions to what is around them, beside the truth's."""
    kinds = [int(Tissue[name]) for name in _LESIONS]
    lesion = np.isin(pair.tissue, kinds)
    shares = []
    for number in kinds:
        there = pair.tissue == number
        if int(there.sum()) < _FEWEST:
            continue
        ring = ndimage.binary_dilation(there, iterations=_RING) & pair.body & ~lesion
        true, seen = (float(np.mean(one[there]) - np.mean(one[ring])) for one in (real, made))
        spread = float(real[ring].std())
        if abs(true) > spread:  # else nobody sees it in the truth either
            shares.append(min(max(seen / true, -1.0), 2.0))
    return {"lesions": float(np.mean(shares))} if shares else {}
