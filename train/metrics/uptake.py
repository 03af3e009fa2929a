"""What a PET reader asks: uptake by region, and left against right."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["asymmetry", "figures_pet", "uptake_by_region"]

Voxels = NDArray[np.floating]
Mask = NDArray[np.bool_]
_LEFT, _RIGHT = "left_", "right_"


def uptake_by_region(suvr: Voxels, regions: Mapping[str, Mask]) -> dict[str, float]:
    """Return the mean uptake ratio of each region that has a voxel."""
    return {
        name: float(suvr[mask].mean(dtype=np.float64))
        for name, mask in regions.items()
        if mask.any()
    }


def asymmetry(uptake: Mapping[str, float]) -> dict[str, float]:
    """Return ``200 (left - right) / (left + right)``, in percent, of every region with two sides.

    Parameters
    ----------
    uptake : mapping
        By region; the sides of one are named ``left_<name>`` and ``right_<name>``.
    """
    found = {}
    for name, left in uptake.items():
        bare = name.removeprefix(_LEFT)
        right = uptake.get(_RIGHT + bare)
        if name.startswith(_LEFT) and right is not None and left + right > 0:
            found[bare] = 200 * (left - right) / (left + right)
    return found


def figures_pet(
    synthetic: Voxels, real: Voxels, inside: Mask, regions: Mapping[str, Mask]
) -> dict[str, float]:
    """Return errors of uptake ratios (SUVR) and of asymmetry.

    Parameters
    ----------
    synthetic, real : (Z, Y, X)
        SUVR.
    inside : (Z, Y, X) bool
        Where voxels are compared.
    regions : mapping of name to (Z, Y, X) bool
        Where means are compared.

    Returns
    -------
    figures : dict
        ``mae``, ``me``, ``rmse`` over voxels; ``suvr_<region>``, synthetic less real;
        ``mae_regions``, the mean of their sizes; ``asymmetry_<region>``, synthetic less real in
        points of percent; ``mae_asymmetry``.
    """
    away = (synthetic.astype(np.float64) - real)[inside]
    figures = {
        "mae": float(np.abs(away).mean()),
        "me": float(away.mean()),
        "rmse": float(np.sqrt((away**2).mean())),
    }
    made, truth = uptake_by_region(synthetic, regions), uptake_by_region(real, regions)
    ours, theirs = asymmetry(made), asymmetry(truth)
    by_region = {name: made[name] - truth[name] for name in truth}
    by_pair = {name: ours[name] - theirs[name] for name in theirs if name in ours}
    figures |= {f"suvr_{name}": value for name, value in by_region.items()}
    figures |= {f"asymmetry_{name}": value for name, value in by_pair.items()}
    if by_region:
        figures["mae_regions"] = float(np.mean(np.abs(list(by_region.values()))))
    if by_pair:
        figures["mae_asymmetry"] = float(np.mean(np.abs(list(by_pair.values()))))
    return figures
