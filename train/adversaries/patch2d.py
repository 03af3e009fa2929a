"""A judge of patches of 70 voxels, with switchable normalisation."""

import torch
from torch import Tensor, nn

from engine.errors import ShapeError
from engine.models.blocks import SwitchNorm2d

__all__ = ["Patch2d"]

SMALLEST = 32


class Patch2d(nn.Module):
    """Say of each patch of a slice whether it is real.

    2,764,499 parameters at the paper's sizes with one channel in, 2,765,523 with two (source and
    image together, for paired sets). The rows of 63 x 63 in the paper's Table 4 cannot be; 128, 64,
    32, 31, 30 leads to its 30 x 30. Logits: the table's sigmoid does not fit a hinge at +-1.

    Parameters
    ----------
    channels_in : int
        1, or 2 with the source beside.
    width : int
        Channels after the first layer: 64 in the paper.
    eps : float
        Of the switchable normalisation.

    Shapes
    ------
    x : (B, channels_in, H, W), H and W at least 32
    return : (B, 1, H/8 - 2, W/8 - 2) logits

    References
    ----------
    Heng et al. 2024, Table 4 and Section III (Conv-SN-LReLU). Isola et al. 2017 (the 70 patch).
    """

    def __init__(self, *, channels_in: int = 1, width: int = 64, eps: float = 1e-5) -> None:
        super().__init__()

        def normed(conv: nn.Conv2d) -> list[nn.Module]:
            norm = SwitchNorm2d(conv.out_channels, eps=eps)
            return [conv, norm, nn.LeakyReLU(0.2, inplace=True)]

        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            *normed(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1)),
            *normed(nn.Conv2d(2 * width, 4 * width, 4, stride=2, padding=1)),
            *normed(nn.Conv2d(4 * width, 8 * width, 4, padding=1)),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Judge; see the class for shapes."""
        if x.ndim != 4 or min(x.shape[-2:]) < SMALLEST:
            text = f"(B, C, H, W) with H and W at least {SMALLEST} is wanted, got {tuple(x.shape)}"
            raise ShapeError(text)
        logits: Tensor = self.layers(x)
        return logits


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02), as CycleGAN does; the paper says nothing."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
