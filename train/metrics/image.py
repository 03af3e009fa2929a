"""Figures of one synthetic volume against the truth on the same grid."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.errors import DataInvalid
from train.metrics.challenge import RANGE_2023, RANGE_2025, synthrad2023, synthrad2025
from train.metrics.similarity import CUBE, GAUSSIAN_2D, GAUSSIAN_3D, ms_ssim, ssim

__all__ = ["PROFILES", "Profile", "evaluate", "figures_ct"]

Voxels = NDArray[np.floating]
Mask = NDArray[np.bool_]

_AIR_HU, _BONE_HU = -200.0, 150.0
_NONE = 1e-12
"""The mean square that stands for no error at all: 120 dB."""


def evaluate(
    synthetic: Voxels, real: Voxels, mask: Mask | None, profile: str = "unit"
) -> dict[str, Any]:
    """Return the figures of a profile by name, with the ``profile`` and its ``range``.

    Parameters
    ----------
    synthetic, real : (Z, Y, X)
        Floating point: integers would wrap.
    mask : (Z, Y, X) bool, optional
        Where it counts; everywhere unless said.
    profile : str
        ``unit``: images in [0, 1]. MAE; NMSE over the variance of the truth; ``psnr`` and ``ssim``
        (Gaussian of 11, sigma 1.5) per slice, then the mean; ``psnr_3d`` and ``ssim_3d`` (cube of
        7, as scikit-image), ``ssim_3d_gaussian`` and ``ms_ssim`` (Gaussian of 11) of the volume.
        ``synthrad2023``: HU; MAE in the mask; PSNR and SSIM (cube of 7) over -1024 to 3000 HU.
        ``synthrad2025``: HU; MAE in the mask; PSNR and MS-SSIM over -1024 to 3071 HU.

    Returns
    -------
    figures : dict
        A similarity whose window does not fit into the image is left out.

    Raises
    ------
    DataInvalid
        When shapes differ, an array holds integers or no numbers, the mask is empty, or the profile
        is unknown.

    References
    ----------
    Wang et al. 2004, IEEE Trans Image Process 13:600 (SSIM). Wang et al. 2003, Asilomar 37:1398
    (MS-SSIM). Huijben et al. 2024, Med Image Anal 97:103276 (SynthRAD2023).
    """
    if profile not in PROFILES:
        raise DataInvalid(f"no profile '{profile}'; known: {', '.join(sorted(PROFILES))}")
    inside = np.ones(real.shape, dtype=bool) if mask is None else mask
    if synthetic.shape != real.shape or inside.shape != real.shape or real.ndim != 3:
        shapes = f"{synthetic.shape}, {real.shape} and {inside.shape}"
        raise DataInvalid(f"synthetic, real and mask are of one shape (Z, Y, X), got {shapes}")
    if not all(np.issubdtype(array.dtype, np.floating) for array in (synthetic, real)):
        raise DataInvalid("integers wrap where they are subtracted; give floating point")
    if not all(np.isfinite(array).all() for array in (synthetic, real)):
        raise DataInvalid("an image holds values that are no numbers; there is nothing to measure")
    if not inside.any():
        raise DataInvalid("the mask is empty; there is nothing to measure")
    chosen = PROFILES[profile]
    figures = chosen.figures(synthetic, real, inside.astype(bool))
    return {**figures, "profile": profile, "range": list(chosen.range)}


def figures_ct(synthetic: Voxels, real: Voxels, body: Mask) -> dict[str, float]:
    """Return MAE, ME and RMSE in HU inside ``body``, MAE per tissue of the truth besides.

    Tissues are told by the truth: air below -200 HU, soft -200 to 150, bone above 150.
    """
    away = (synthetic.astype(np.float64) - real)[body]
    truth = real[body]
    figures = {
        "mae": float(np.abs(away).mean()),
        "me": float(away.mean()),
        "rmse": float(np.sqrt((away**2).mean())),
    }
    for name, there in _tissues(truth).items():
        if there.any():
            figures[f"mae_{name}"] = float(np.abs(away[there]).mean())
    return figures


def _tissues(truth: Voxels) -> dict[str, Mask]:
    """Return where each tissue is; every voxel is in one of them."""
    air, bone = truth < _AIR_HU, truth > _BONE_HU
    return {"air": air, "soft": ~(air | bone), "bone": bone}


def _unit(synthetic: Voxels, real: Voxels, inside: Mask) -> dict[str, float]:
    made, truth = synthetic.astype(np.float64), real.astype(np.float64)
    away = np.where(inside, made - truth, 0.0)
    share = inside.mean(axis=(1, 2))
    counted = share > 0
    slices = (away**2).mean(axis=(1, 2))[counted] / share[counted]
    whole = float((away[inside] ** 2).mean())
    likeness = {
        "ssim": ssim(made, truth, inside, GAUSSIAN_2D),
        "ssim_3d": ssim(made, truth, inside, CUBE),
        "ssim_3d_gaussian": ssim(made, truth, inside, GAUSSIAN_3D),
        "ms_ssim": ms_ssim(made, truth, inside),
    }
    return {
        "mae": float(np.abs(away[inside]).mean()),
        "nmse": whole / max(float(truth[inside].var()), _NONE),
        "psnr": float((-10 * np.log10(np.maximum(slices, _NONE))).mean()),
        "psnr_3d": float(-10 * np.log10(max(whole, _NONE))),
        **{name: value for name, value in likeness.items() if value is not None},
    }


@dataclass(frozen=True, slots=True)
class Profile:
    """A way of measuring: its figures, and the range of intensities that they are over."""

    figures: Callable[[Voxels, Voxels, Mask], dict[str, float]]
    range: tuple[float, float]


PROFILES: Mapping[str, Profile] = {
    "synthrad2023": Profile(synthrad2023, RANGE_2023),
    "synthrad2025": Profile(synthrad2025, RANGE_2025),
    "unit": Profile(_unit, (0.0, 1.0)),
}
