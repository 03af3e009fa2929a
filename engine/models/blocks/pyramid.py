"""One volume at several resolutions, and the U-Net that takes and gives all of them."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from engine.errors import ShapeError

__all__ = ["COARSEST", "LEVELS", "PYRAMIDS", "PyramidUNet3d", "pyramid"]

LEVELS = 4
COARSEST = 2 ** (LEVELS - 1)
"""Voxels at full resolution along one at the last level: sides are multiples of it."""
PYRAMIDS = ("trilinear", "nearest", "average")


def pyramid(x: Tensor, how: str) -> tuple[Tensor, ...]:
    """Return ``x`` at full, half, quarter and eighth resolution, each level made from the first.

    ``nearest`` keeps the first voxel of each cube, ``average`` its mean, ``trilinear`` the mean of
    the eight voxels around its middle. At half resolution the last two are the same.

    Parameters
    ----------
    how : {"trilinear", "nearest", "average"}
        Which.

    Shapes
    ------
    x : (B, C, D, H, W), sides multiples of 8
    return : 4 tensors, (B, C, D / 2^l, H / 2^l, W / 2^l)

    Raises
    ------
    ShapeError
        When the sides cannot be halved that often.
    """
    if x.ndim != 5 or any(side % COARSEST for side in x.shape[2:]):
        text = f"(B, C, D, H, W) with sides that are multiples of {COARSEST} is wanted"
        raise ShapeError(f"{text} for {LEVELS} resolutions, got {tuple(x.shape)}; pad first")
    return (x, *(_coarser(x, how, 2**level) for level in range(1, LEVELS)))


def _coarser(x: Tensor, how: str, factor: int) -> Tensor:
    if how == "nearest":
        return x[..., ::factor, ::factor, ::factor]
    if how == "average":
        return fn.avg_pool3d(x, factor)
    return fn.interpolate(x, scale_factor=1 / factor, mode="trilinear", align_corners=False)


class PyramidUNet3d(nn.Module):
    """A U-Net of four levels that can be shown the volume at every level's own resolution.

    Level l has ``width`` × 2^l channels. Its encoder takes what its stem makes of the volume (w
    channels) beside the features of the level above, halved by taking every second voxel; its
    decoder takes the features of the level below, each voxel repeated, beside its encoder's. The
    last level has no decoder.

    Parameters
    ----------
    width : int
        Channels at full resolution.
    multi : bool
        False: only the first level is shown the volume.
    stem : callable
        Channels out -> a module.
    encoder, decoder : callable
        Channels in, channels out -> a module that keeps the size.

    Shapes
    ------
    shown : 4 tensors as :func:`pyramid` gives them, the first alone without ``multi``
    return : 4 tensors, (B, width × 2^l, D / 2^l, H / 2^l, W / 2^l)

    References
    ----------
    Ha et al. (3D-mDAUNet), Section 3.2 and Figure 1.
    """

    def __init__(
        self,
        width: int,
        *,
        multi: bool,
        stem: Callable[[int], nn.Module],
        encoder: Callable[[int, int], nn.Module],
        decoder: Callable[[int, int], nn.Module],
    ) -> None:
        super().__init__()
        out = [width * 2**level for level in range(LEVELS)]
        beside = width if multi else 0
        self.stems = nn.ModuleList(stem(width) for _ in range(LEVELS if multi else 1))
        self.encoders = nn.ModuleList([encoder(width, width)])
        self.encoders.extend(encoder(beside + out[k - 1], out[k]) for k in range(1, LEVELS))
        self.decoders = nn.ModuleList(
            decoder(out[k + 1] + out[k], out[k]) for k in range(LEVELS - 1)
        )

    def forward(self, shown: Sequence[Tensor]) -> list[Tensor]:
        """Return the features of every level, finest first; see the class for shapes."""
        seen = [[stem(level)] for stem, level in zip(self.stems, shown, strict=True)]
        seen += [[] for _ in range(LEVELS - len(seen))]
        encoded: list[Tensor] = []
        for beside, encoder in zip(seen, self.encoders, strict=True):
            above = [level[..., ::2, ::2, ::2] for level in encoded[-1:]]
            encoded.append(encoder(torch.cat([*beside, *above], dim=1)))
        made = [encoded.pop()]
        for decoder in reversed(self.decoders):
            below = fn.interpolate(made[0], scale_factor=2.0, mode="nearest")
            made.insert(0, decoder(torch.cat([below, encoded.pop()], dim=1)))
        return made
