"""Figures of one synthetic volume against the truth on the same grid."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool3d, conv2d

from train.errors import DataInvalid

__all__ = ["PROFILES", "evaluate", "figures_ct"]

Voxels = NDArray[np.floating]
Mask = NDArray[np.bool_]

_POPULATION_HU = (-1024.0, 3000.0)
_TISSUES_HU = {"air": (-np.inf, -200.0), "soft": (-200.0, 150.0), "bone": (150.0, np.inf)}
_K1, _K2 = 0.01, 0.03


def evaluate(
    synthetic: Voxels, real: Voxels, mask: Mask | None, profile: str = "unit"
) -> dict[str, float]:
    """Return the figures of a profile by name.

    Parameters
    ----------
    synthetic, real : (Z, Y, X)
        Floating point: integers would wrap.
    mask : (Z, Y, X) bool, optional
        Where it counts; everywhere unless said.
    profile : str
        ``unit``: images in [0, 1]; per slice, then the mean: PSNR and SSIM (Gaussian of 11,
        sigma 1.5); also MAE, and NMSE over the variance of the truth. ``synthrad2023``: HU; MAE in
        the mask; PSNR and SSIM (cube of 7) over the range -1024 to 3000 HU.

    Raises
    ------
    DataInvalid
        When shapes differ, an array holds integers, or the profile is unknown.

    References
    ----------
    Wang et al. 2004, IEEE Trans Image Process 13:600 (SSIM). Huijben et al. 2024, Med Image Anal
    97:103276 (SynthRAD2023).
    """
    if profile not in PROFILES:
        raise DataInvalid(f"no profile '{profile}'; known: {', '.join(sorted(PROFILES))}")
    inside = np.ones(real.shape, dtype=bool) if mask is None else mask
    if synthetic.shape != real.shape or inside.shape != real.shape:
        shapes = f"{synthetic.shape}, {real.shape} and {inside.shape}"
        raise DataInvalid(f"synthetic, real and mask are of one shape, got {shapes}")
    if not all(np.issubdtype(array.dtype, np.floating) for array in (synthetic, real)):
        raise DataInvalid("integers wrap where they are subtracted; give floating point")
    if not inside.any():
        raise DataInvalid("the mask is empty; there is nothing to measure")
    return PROFILES[profile](synthetic, real, inside)


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
    for name, (low, high) in _TISSUES_HU.items():
        there = (truth >= low) & (truth <= high)
        if there.any():
            figures[f"mae_{name}"] = float(np.abs(away[there]).mean())
    return figures


def _unit(synthetic: Voxels, real: Voxels, inside: Mask) -> dict[str, float]:
    away = np.where(inside, synthetic.astype(np.float64) - real, 0.0)
    share = inside.mean(axis=(1, 2))
    counted = share > 0
    mse = (away**2).mean(axis=(1, 2))[counted] / share[counted]
    like = _ssim_2d(synthetic, real)
    return {
        "mae": float(np.abs(away[inside]).mean()),
        "nmse": float((away[inside] ** 2).mean() / max(float(real[inside].var()), 1e-12)),
        "psnr": float((-10 * np.log10(np.maximum(mse, 1e-12))).mean()),
        "ssim": float(np.mean([like[z][inside[z]].mean() for z in np.flatnonzero(counted)])),
    }


def _ssim_2d(synthetic: Voxels, real: Voxels) -> Voxels:
    """Map of SSIM, slice by slice; borders see a mirrored image."""
    at = torch.arange(11, dtype=torch.float64) - 5
    bell = torch.exp(-(at**2) / (2 * 1.5**2))
    kernel = torch.outer(bell / bell.sum(), bell / bell.sum())[None, None]

    def mean(x: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(x, (5, 5, 5, 5), mode="reflect")
        return conv2d(padded, kernel)

    x, y = (torch.from_numpy(v.astype(np.float64))[:, None] for v in (synthetic, real))
    return np.asarray(_ssim(x, y, mean, span=1.0, correction=1.0)[:, 0].numpy())


def _synthrad2023(synthetic: Voxels, real: Voxels, inside: Mask) -> dict[str, float]:
    low, high = _POPULATION_HU
    span = high - low
    mae = float(np.abs(synthetic.astype(np.float64) - real)[inside].mean())
    made, truth = (np.clip(v.astype(np.float64), low, high) for v in (synthetic, real))
    mse = float(((made - truth)[inside] ** 2).mean())
    near = _box(inside)
    made, truth, inside = made[near], truth[near], inside[near]
    x, y = (torch.from_numpy(np.where(inside, v, low) - low)[None, None] for v in (made, truth))

    def mean(x: torch.Tensor) -> torch.Tensor:
        for kernel in ((7, 1, 1), (1, 7, 1), (1, 1, 7)):
            x = avg_pool3d(x, kernel, stride=1)
        return x

    like = _ssim(x, y, mean, span=span, correction=343 / 342)[0, 0].numpy()
    inner = inside[3:-3, 3:-3, 3:-3]
    return {
        "mae": mae,
        "psnr": float(10 * np.log10(span**2 / max(mse, 1e-12))),
        "ssim": float(like[inner].mean()),
    }


def _box(inside: Mask) -> tuple[slice, ...]:
    """Return where the mask is, with as much around it as the cube reaches."""
    cuts = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(inside.any(axis=others))
        cuts.append(slice(max(0, int(held[0]) - 3), int(held[-1]) + 4))
    return tuple(cuts)


def _ssim(
    x: torch.Tensor,
    y: torch.Tensor,
    mean: Callable[[torch.Tensor], torch.Tensor],
    *,
    span: float,
    correction: float,
) -> torch.Tensor:
    """Map of SSIM with the local ``mean``; ``correction`` makes variances unbiased."""
    one, two = (_K1 * span) ** 2, (_K2 * span) ** 2
    mx, my = mean(x), mean(y)
    vx = correction * (mean(x * x) - mx * mx)
    vy = correction * (mean(y * y) - my * my)
    both = correction * (mean(x * y) - mx * my)
    return (2 * mx * my + one) * (2 * both + two) / ((mx**2 + my**2 + one) * (vx + vy + two))


PROFILES: Mapping[str, Callable[[Voxels, Voxels, Mask], dict[str, float]]] = {
    "synthrad2023": _synthrad2023,
    "unit": _unit,
}
