"""Convolutions of spectral norm 1, and the plain ones that they leave behind."""

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

__all__ = ["SpectralConv3d", "plain_weights"]

_TURNS_AT_FIRST = 5
"""So that the first pass finds the norm within a few per cent."""
_TURNS_TO_SETTLE = 100
"""So that a kernel of norm 1 is found to be so: what was served comes out the same."""


class SpectralConv3d(nn.Conv3d):
    """A 3D convolution whose kernel is divided by its largest singular value.

    The kernel as a matrix is (channels_out, the rest). Its leading singular vectors are followed by
    one turn of the power method per pass while learning. In evaluation they stand still, and are
    made unit vectors again before use: a running average of them is shorter.

    Written here because torch's own follows them under autocast in half precision, and renames the
    weight; here a plain ``nn.Conv3d`` has the same names, so what is exported fits it.

    Parameters
    ----------
    channels_in, channels_out : int
        As of ``nn.Conv3d``; the size is kept, and there is a bias.
    kernel : int
        Odd.

    Shapes
    ------
    x : (B, channels_in, D, H, W)
    return : (B, channels_out, D, H, W)

    References
    ----------
    Miyato et al. 2018, Section 2.1 and Algorithm 1.
    """

    left: Tensor
    right: Tensor

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 3) -> None:
        super().__init__(channels_in, channels_out, kernel, padding=kernel // 2)
        self.register_buffer("left", torch.randn(channels_out))
        self.register_buffer("right", torch.randn(channels_in * kernel**3))
        for _ in range(_TURNS_AT_FIRST):
            self._turn()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        if self.training:
            self._turn()
        return fn.conv3d(x, self.divided(), self.bias, padding=self.padding)

    def divided(self) -> Tensor:
        """Return the kernel that acts: the weight over its norm.

        Sums of products and no matrix product, which autocast would take to half precision.
        """
        rows = self.weight.flatten(1).float()
        left = fn.normalize(self.left.float(), dim=0)  # copies: the next turn may come before
        right = fn.normalize(self.right.float(), dim=0)  # the backward pass of this one
        norm = (left.unsqueeze(1) * rows * right).sum()
        return (self.weight.float() / norm).to(self.weight.dtype)

    def settle(self) -> None:
        """Find the singular vectors of a weight that was put in."""
        for _ in range(_TURNS_TO_SETTLE):
            self._turn()

    @torch.no_grad()
    def _turn(self) -> None:
        rows = self.weight.flatten(1).float()
        right = fn.normalize((rows * self.left.float().unsqueeze(1)).sum(0), dim=0)
        self.right.copy_(right)
        self.left.copy_(fn.normalize((rows * right).sum(1), dim=0))


@torch.no_grad()
def plain_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of ``network`` as its twin with plain convolutions holds them.

    Every spectral kernel is divided, once and for all, and its singular vectors are left out: the
    twin gives the same output, bit for bit, as ``network`` does in evaluation.
    """
    weights = dict(network.state_dict())
    for name, module in network.named_modules():
        if isinstance(module, SpectralConv3d):
            prefix = f"{name}." if name else ""
            weights[f"{prefix}weight"] = module.divided()
            del weights[f"{prefix}left"], weights[f"{prefix}right"]
    return weights
