"""Dense blocks with residuals: every convolution sees all that came before it."""

import torch
from torch import Tensor, nn

__all__ = ["DenseBlock3d", "NestedDense3d"]

_SHARE = 0.2
"""Of what a block adds to its input."""
_CONVOLUTIONS = 5


class DenseBlock3d(nn.Module):
    """Add to ``x`` a fifth of what five densely connected 3 × 3 × 3 convolutions make of it.

    LeakyReLU 0.2 follows every convolution, the last too (Figure 1). Kernels start at a tenth of
    He's normal draw and biases at 0, so that the block starts close to the identity.

    Parameters
    ----------
    channels : int
        C of input and output.
    growth : int
        What each of the first four convolutions adds.

    Shapes
    ------
    x : (B, channels, D, H, W)
    return : (B, channels, D, H, W)

    References
    ----------
    Ha et al. (3D-mDAUNet), Figure 1; Zhang et al. 2018 (RDN). The start: Wang et al. 2018
    (ESRGAN).
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        made = [growth] * (_CONVOLUTIONS - 1) + [channels]
        self.convs = nn.ModuleList(
            nn.Conv3d(channels + k * growth, out, 3, padding=1) for k, out in enumerate(made)
        )
        self.activate = nn.LeakyReLU(0.2, inplace=True)
        for conv in self.convs:
            _start_small(conv)

    def forward(self, x: Tensor) -> Tensor:
        """Add; see the class for shapes."""
        seen = [x]
        for conv in self.convs:
            seen.append(self.activate(conv(torch.cat(seen, dim=1))))
        return torch.add(x, seen[-1], alpha=_SHARE)


class NestedDense3d(nn.Module):
    """Add to ``x`` a fifth of what three dense blocks in a row make of it.

    The paper's figure shows one dense block; its code has three in one residual.

    Parameters
    ----------
    channels, growth : int
        Of each block.

    Shapes
    ------
    x : (B, channels, D, H, W)
    return : (B, channels, D, H, W)

    References
    ----------
    Ha et al. 2024 (3D RRDB-GAN), which the paper builds on.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock3d(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        """Add; see the class for shapes."""
        made: Tensor = self.blocks(x)
        return torch.add(x, made, alpha=_SHARE)


@torch.no_grad()
def _start_small(conv: nn.Module) -> None:
    if isinstance(conv, nn.Conv3d) and conv.bias is not None:
        nn.init.kaiming_normal_(conv.weight)
        conv.weight.mul_(0.1)
        nn.init.zeros_(conv.bias)
