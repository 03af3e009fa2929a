"""Attention by convolution alone: the block that CALF-GAN's generator and encoder share."""

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

__all__ = ["HEAD", "MultiConvFormer", "MultiScaleAttention", "share_out"]

HEAD = 8
"""Channels of one head, over which attention is shared out."""
SHAPES = {"vertical": (7, 1), "planar": (3, 3), "horizontal": (1, 7)}
SMALLEST_SUM = 1e-6


class MultiConvFormer(nn.Module):
    """A transformer's block without a transformer: attention, then two convolutions (MCF).

    ``z' = BN(MSCA(z) + z)`` and ``BN(MLP(z') + z')``, so each normalisation follows its sum. The
    paper does not draw the MLP; two 3 x 3 convolutions with GELU between, hidden channels as many
    as outer, are those of the block that it builds on (SCTNet) and meet its parameter count:
    1,558,016 with 256 channels of which 64 attend.

    Parameters
    ----------
    channels : int
        C, in and out.
    attending : int
        Maps in each branch of the attention, a multiple of 8.

    Shapes
    ------
    x : (B, channels, H, W)
    return : (B, channels, H, W)

    References
    ----------
    CALF-GAN paper, Eq. 1 and 2, Fig. 3b.
    """

    def __init__(self, channels: int, attending: int) -> None:
        super().__init__()
        self.attention = MultiScaleAttention(channels, attending)
        self.norm_attention = nn.BatchNorm2d(channels)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.norm_mlp = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Attend and mix; see the class for shapes."""
        z = self.norm_attention(self.attention(x) + x)
        out: Tensor = self.norm_mlp(self.mlp(z) + z)
        return out


class MultiScaleAttention(nn.Module):
    """Attention maps by a vertical, a planar and a horizontal kernel (MSCA).

    Each kernel makes maps, softmax spreads each map over the image, the maps of a head share each
    pixel, and the same kernel leads back to the channels with in and out exchanged. No bias and no
    further normalisation: 376,832 parameters with 256 channels and 64 maps.

    Parameters
    ----------
    channels : int
        C, in and out.
    attending : int
        Maps of each kernel, in heads of 8: 64 in the paper.

    Shapes
    ------
    x : (B, channels, H, W)
    return : (B, channels, H, W)

    References
    ----------
    CALF-GAN paper, Eq. 3 to 6. Its padding of (3, 0) for all three kernels fits the vertical one
    alone; (1, 1) and (0, 3) keep the size for the others. That the planar kernel is 3 x 3 follows
    from its parameter count. Its "grouped convolutions" and "structural re-parameterization" are in
    no equation and not here.
    """

    def __init__(self, channels: int, attending: int) -> None:
        super().__init__()
        self.kernels = nn.ParameterDict(
            {
                name: nn.Parameter(torch.empty(attending, channels, *shape))
                for name, shape in SHAPES.items()
            }
        )
        for kernel in self.kernels.values():
            nn.init.trunc_normal_(kernel, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Attend; see the class for shapes."""
        vertical, planar, horizontal = (_branch(x, self.kernels[name]) for name in SHAPES)
        return vertical + planar + horizontal


def _branch(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve, attend, and convolve back: (B, C, H, W) to the same."""
    padding = (kernel.shape[2] // 2, kernel.shape[3] // 2)
    maps = share_out(fn.conv2d(x, kernel, padding=padding)).to(x.dtype)
    return fn.conv2d(maps, kernel.transpose(0, 1), padding=padding)


def share_out(maps: Tensor) -> Tensor:
    """Softmax of each map over the image, then each pixel's share among the maps of a head.

    The 1e-6 in the divisor is not lost beside the sum of the maps, which is about 8 / (H W): a
    head's shares sum to 0.9995 at 64 x 64. So both steps are in single precision.

    Shapes
    ------
    maps : (B, attending, H, W)
    return : (B, attending, H, W), in single precision
    """
    batch, attending, height, width = maps.shape
    heads = maps.float().reshape(batch, attending // HEAD, HEAD, height * width)
    spread = torch.softmax(heads, dim=3)
    shared = spread / (spread.sum(dim=2, keepdim=True) + SMALLEST_SUM)
    return shared.reshape(maps.shape)
