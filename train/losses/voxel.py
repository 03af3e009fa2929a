"""Voxel by voxel, where source and target belong together."""

import torch
from torch import Tensor

__all__ = ["SHARES", "marks_of", "voxel"]

SHARES = (0.005, 0.375)
"""Of the range, where brightness has no unit: up to the first is air, above the second bone."""
_AIR_HU, _BONE_HU = -900.0, 150.0


def marks_of(window: tuple[float, float] | None) -> tuple[float, float]:
    """Return where air ends and bone begins, as shares of the range.

    Parameters
    ----------
    window : (low, high), optional
        What the ends of the range stand for, in Hounsfield units: air then ends at -900 HU, bone
        begins at 150 HU, whatever the window. None, for images in another unit, is
        :data:`SHARES`. What the window clips to its lower end is air in any case.
    """
    if window is None:
        return SHARES
    low, span = window[0], window[1] - window[0]
    return max(SHARES[0], (_AIR_HU - low) / span), (_BONE_HU - low) / span


def voxel(
    made: Tensor,
    target: Tensor,
    *,
    air: float = 1.0,
    dense: float = 1.0,
    onto: tuple[float, float] = (-1.0, 1.0),
    marks: tuple[float, float] = SHARES,
) -> Tensor:
    """Return the mean absolute difference, air counted ``air`` times and bone ``dense`` times.

    Most of a slice is air that is soon learned; bone is thin, and where it cannot be told from what
    lies beside it, the median of a plain mean leaves holes in the skull.

    Parameters
    ----------
    made, target : (B, 1, H, W) or (B, 1, D, H, W)
        In ``onto``, its lower end being air.
    air, dense : float
        Weights of voxels whose target is at most the first of ``marks``, or above the second; 1
        and 1 is the plain mean.
    onto : (low, high)
        The range of the images.
    marks : (air, bone)
        Shares of the range, see :func:`marks_of`.

    Notes
    -----
    Isola et al. 2017 (pix2pix), Eq. 3. The paper of HLSNC-GAN says that it applies to paired sets
    too and gives no term for them; this one is ours to add. Zhu and Wang 2025 (CALF-GAN), Eq. 9; Ha
    et al. 2025 (3D-mDAUNet), Eq. 3; Mao et al. (PCSA-GAN), Eq. 8: the plain mean.
    """
    low, span = onto[0], onto[1] - onto[0]
    empty, bone = low + marks[0] * span, low + marks[1] * span
    weight = torch.where(target <= empty, air, torch.where(target > bone, dense, 1.0))
    return ((made - target).abs() * weight).sum() / weight.sum().clamp_min(1)
