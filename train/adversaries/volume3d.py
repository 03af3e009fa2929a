"""A judge of a whole volume: one number."""

import math

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from engine.errors import ShapeError

__all__ = ["Volume3d"]

_STEPS = 4


class _Step(nn.Module):
    """Convolve, activate, add the input through a 1 × 1 × 1 kernel unless first, and pool."""

    def __init__(self, channels_in: int, channels_out: int, *, first: bool) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels_in, channels_out, 3, padding=1)
        self.past = None if first else nn.Conv3d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        made = fn.leaky_relu(self.conv(x), 0.2)
        if self.past is not None:
            made = made + self.past(x)
        return fn.max_pool3d(made, 2)


class Volume3d(nn.Module):
    """Say of a whole volume whether it is real.

    691,657 parameters at the paper's sizes with the source beside the image, 691,009 without. Four
    convolutions with 24, 48, 96, 192 channels, each pooled, the last three with a residual, and
    one layer over all that is left. Rulings: the source is seen too ("based on the concept of
    cGAN"); LeakyReLU 0.2; a residual meets other widths through a 1 × 1 × 1 kernel; logits.

    Parameters
    ----------
    channels_in : int
        2: source and image; 1: image alone.
    width : int
        Channels of the first convolution: 24 in the paper.
    shape : (int, int, int)
        (D, H, W) of the volumes, multiples of 16: the last layer has a weight per place.

    Shapes
    ------
    x : (B, channels_in, D, H, W)
    return : (B, 1) logits

    References
    ----------
    Mao et al. (PCSA-GAN), Section 3.3.
    """

    def __init__(
        self,
        *,
        channels_in: int = 2,
        width: int = 24,
        shape: tuple[int, int, int] = (64, 64, 64),
    ) -> None:
        super().__init__()
        smallest = 2**_STEPS
        if any(side < smallest or side % smallest for side in shape):
            text = f"three sides that are multiples of {smallest} are wanted, got {shape}"
            raise ShapeError(f"{text}; pad the volumes first")
        self.takes = (channels_in, *shape)
        wide = [channels_in] + [width * 2**k for k in range(_STEPS)]
        self.steps = nn.Sequential(
            *(_Step(wide[k], wide[k + 1], first=k == 0) for k in range(_STEPS))
        )
        places = math.prod(side // smallest for side in shape)
        self.logit = nn.Linear(wide[-1] * places, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Judge; see the class for shapes."""
        if x.ndim != 5 or tuple(x.shape[1:]) != self.takes:
            wanted = ", ".join(str(n) for n in self.takes)
            raise ShapeError(
                f"(B, {wanted}) is wanted, got {tuple(x.shape)}; "
                "build the judge for the shape of the volumes"
            )
        logits: Tensor = self.logit(torch.flatten(self.steps(x), 1))
        return logits
