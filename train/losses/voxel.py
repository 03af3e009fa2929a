"""Voxel by voxel, where source and target belong together."""

import torch
from torch import Tensor

__all__ = ["voxel"]


def voxel(made: Tensor, target: Tensor, *, air: float = 1.0, dense: float = 1.0) -> Tensor:
    """Return the mean absolute difference, air counted ``air`` times and bone ``dense`` times.

    Most of a slice is air that is soon learned; bone is thin, and where it cannot be told from what
    lies beside it, the median of a plain mean leaves holes in the skull.

    Parameters
    ----------
    made, target : (B, 1, H, W)
        In [-1, 1], -1 being air.
    air : float
        Weight of voxels whose target is air; 1 is the plain mean.
    dense : float
        Weight of voxels whose target is above a quarter of the range: above 125 HU in a window of
        -1000 to 2000 HU.

    Notes
    -----
    Isola et al. 2017 (pix2pix), Eq. 3. The paper of HLSNC-GAN says that it applies to paired sets
    too and gives no term for them; this one is ours to add.
    """
    weight = torch.where(target <= _AIR, air, torch.where(target > _DENSE, dense, 1.0))
    return ((made - target).abs() * weight).sum() / weight.sum().clamp_min(1)


_AIR, _DENSE = -0.99, -0.25
