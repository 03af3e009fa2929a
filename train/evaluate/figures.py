"""Which figures a result is judged by, and how each of them is to be read."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.volume import Volume
from train.config import Preparation
from train.metrics import evaluate, figures_ct, figures_pet
from train.pair import Pair
from train.phantom import Tissue
from train.phantom.regions import region_masks

__all__ = [
    "BIAS",
    "TISSUE",
    "Figure",
    "figures_of",
    "foreground_of",
    "read_as",
    "regions_of",
    "shown_unit",
]

Mask = NDArray[np.bool_]
TISSUE, BIAS = "tissue.", "bias."
"""What the names of errors and of mean errors per tissue begin with."""
_FEWEST = 50
"""Voxels of a tissue that a scan must have for an error of it."""
_BRAIN = ("GREY", "WHITE", "CSF", "PLAQUE", "TUMOUR", "INFARCT", "BLEED", "SWELLING", "BLOOD")


@dataclass(frozen=True, slots=True)
class Figure:
    """How a figure is to be read.

    Parameters
    ----------
    label, unit : str
        For people.
    better : {"lower", "higher", "zero"}
        Which way is good.
    profile : str
        See :func:`train.metrics.evaluate`; empty where the figure needs none.
    range : (low, high) or None
        Of intensities, where the figure depends on it.
    """

    label: str
    unit: str
    better: str
    profile: str = ""
    range: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, object]:
        """As JSON holds it."""
        known = {"label": self.label, "unit": self.unit, "better": self.better}
        if self.range is None:
            return dict(known)
        return {**known, "profile": self.profile, "range": list(self.range)}


_OLD, _NEW = (-1024.0, 3000.0), (-1024.0, 3071.0)
_CT: Mapping[str, Figure] = {
    "mae": Figure("mean absolute error", "HU", "lower"),
    "mae_air": Figure("the same in air (truth below -200 HU)", "HU", "lower"),
    "mae_soft": Figure("the same in soft tissue (-200 to 150 HU)", "HU", "lower"),
    "mae_bone": Figure("the same in bone (above 150 HU)", "HU", "lower"),
    "me": Figure("mean error (bias)", "HU", "zero"),
    "rmse": Figure("root mean square error", "HU", "lower"),
    "psnr": Figure("PSNR", "dB", "higher", "synthrad2023", _OLD),
    "ssim": Figure("SSIM, 3D", "", "higher", "synthrad2023", _OLD),
    "psnr_2025": Figure("PSNR", "dB", "higher", "synthrad2025", _NEW),
    "ms_ssim": Figure("MS-SSIM, 3D", "", "higher", "synthrad2025", _NEW),
}
_SHARE = (0.0, 1.0)
_LIKENESS: Mapping[str, Figure] = {
    "nmse": Figure("mean square error over the truth's variance", "", "lower", "unit", _SHARE),
    "psnr": Figure("PSNR, per slice", "dB", "higher", "unit", _SHARE),
    "psnr_3d": Figure("PSNR of the volume", "dB", "higher", "unit", _SHARE),
    "ssim": Figure("SSIM, per slice", "", "higher", "unit", _SHARE),
    "ssim_3d": Figure("SSIM, 3D, cube of 7", "", "higher", "unit", _SHARE),
    "ssim_3d_gaussian": Figure("SSIM, 3D, Gaussian of 11", "", "higher", "unit", _SHARE),
    "ms_ssim": Figure("MS-SSIM, 3D", "", "higher", "unit", _SHARE),
}
_MR: Mapping[str, Figure] = {
    "mae": Figure("mean absolute error", "of the range", "lower", "unit", _SHARE),
    "me": Figure("mean error (bias)", "of the range", "zero", "unit", _SHARE),
    "rmse": Figure("root mean square error", "of the range", "lower", "unit", _SHARE),
    **_LIKENESS,
}
_PT: Mapping[str, Figure] = {
    "mae": Figure("mean absolute error", "SUVR", "lower"),
    "me": Figure("mean error (bias)", "SUVR", "zero"),
    "rmse": Figure("root mean square error", "SUVR", "lower"),
    "mae_regions": Figure("mean absolute error of regions", "SUVR", "lower"),
    "mae_asymmetry": Figure("error of left-right asymmetry", "points of %", "lower"),
    **_LIKENESS,
}


def read_as(makes: str) -> Mapping[str, Figure]:
    """Return the figures of what makes ``makes``, by name; regions of PET are not among them."""
    return {"CT": _CT, "PT": _PT}.get(makes, _MR)


def shown_unit(makes: str) -> str:
    """Return the unit of the error, for people."""
    return read_as(makes)["mae"].unit


def foreground_of(pair: Pair) -> Mask:
    """Return where it counts: the body; for PET the brain, where its tissue is known."""
    if pair.about["makes"] != "PT":
        return pair.body
    numbers = [int(Tissue[name]) for name in _BRAIN]
    brain = np.isin(pair.tissue, numbers) & pair.body
    return brain if brain.any() else pair.body


def regions_of(pair: Pair) -> dict[str, Mask]:
    """Return the regions of a PET phantom; none of anything else."""
    if pair.about["makes"] != "PT" or "places" not in pair.about:
        return {}
    return region_masks(pair)


def figures_of(
    made: NDArray[np.floating], truth: Volume, pair: Pair, preparation: Preparation
) -> dict[str, float]:
    """Return every figure of one result.

    Parameters
    ----------
    made : (Z, Y, X)
        In the unit of the result, on the pair's grid.
    truth : Volume
        See :func:`train.data.truth_of`.
    """
    inside, makes = foreground_of(pair), str(pair.about["makes"])
    real, voxels = truth.voxels.astype(np.float32), made.astype(np.float32)
    if makes == "CT":
        figures = _of_ct(voxels, real, inside)
    elif makes == "PT":
        figures = figures_pet(voxels, real, inside, regions_of(pair))
        figures |= _likeness(voxels, real, inside, preparation)
    else:
        figures = _of_mr(voxels, real, inside, preparation)
    span = 1.0 if makes in ("CT", "PT") else preparation.window[1] - preparation.window[0]
    return figures | _by_tissue((voxels.astype(np.float64) - real) / span, pair, inside)


def _of_ct(made: NDArray[np.float32], real: NDArray[np.float32], inside: Mask) -> dict[str, float]:
    old = evaluate(made, real, inside, "synthrad2023")
    new = evaluate(made, real, inside, "synthrad2025")
    found = {
        "psnr": old["psnr"], "ssim": old.get("ssim"), "psnr_2025": new["psnr"],
        "ms_ssim": new.get("ms_ssim"),
    }  # fmt: skip
    known = {name: float(value) for name, value in found.items() if value is not None}
    return {**figures_ct(made, real, inside), **known}


def _of_mr(
    made: NDArray[np.float32], real: NDArray[np.float32], inside: Mask, preparation: Preparation
) -> dict[str, float]:
    low, high = preparation.window
    away = (made.astype(np.float64) - real)[inside] / (high - low)
    return {
        **_likeness(made, real, inside, preparation),
        "mae": float(np.abs(away).mean()),
        "me": float(away.mean()),
        "rmse": float(np.sqrt((away**2).mean())),
    }


def _likeness(
    made: NDArray[np.float32], real: NDArray[np.float32], inside: Mask, preparation: Preparation
) -> dict[str, float]:
    """Return how alike both look in the result's window: clipped there, the ends being 0 and 1."""
    low, high = preparation.window
    one, two = (np.clip((v - low) / (high - low), 0, 1) for v in (made, real))
    found = evaluate(one, two, inside, "unit")
    return {name: found[name] for name in _LIKENESS if name in found}


def _by_tissue(away: NDArray[np.float64], pair: Pair, inside: Mask) -> dict[str, float]:
    figures = {}
    for number in np.unique(pair.tissue[inside]):
        there = inside & (pair.tissue == number)
        if number and int(there.sum()) >= _FEWEST:
            name = Tissue(int(number)).name.lower()
            figures[TISSUE + name] = float(np.abs(away[there]).mean())
            figures[BIAS + name] = float(away[there].mean())
    return figures
