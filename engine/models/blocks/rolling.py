"""Convolution whose kernel is rolled, group by group, as the input asks."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from engine.errors import SpecError

__all__ = ["CrossGroupAttention", "GroupRolling", "RollingRoute", "roll_kernels"]

TAPS = 3
AT_START = 0.5 / (1 + math.exp(-1))
"""Attention times scale before anything is learned: sigmoid(0) sigmoid(1)."""


class GroupRolling(nn.Module):
    """Cross group attention, then a 3 x 3 convolution with group-wise rolled kernels (CAGR).

    Each group of input channels has its slice of the kernel moved by an offset of its own and
    scaled, both read from the sample, so that groups that carry misaligned contrasts meet. At the
    paper's eight groups 49,096 parameters with 64 channels, 192,392 with 128, 761,608 with 256 and
    3,030,536 with 512; 9 C^2 of them are the kernel.

    Parameters
    ----------
    channels : int
        C, in and out; a multiple of ``groups``.
    groups : int
        Blocks of neighbouring channels that roll together: 8 in the paper.
    depth : int
        Routed convolutions: 2. See :class:`RollingRoute`.
    level : bool
        Start as large as a plain convolution. In the paper attention (about 0.5) and scale (0.73)
        leave a third of it.

    Shapes
    ------
    x : (B, C, H, W)
    return : (B, C, H, W)

    References
    ----------
    AGI-Net paper, Sections 3.1 and 3.2, Fig. 4. Attention is computed once and serves both the
    route and the convolution ("the modified feature is then used as the input").
    """

    def __init__(
        self, channels: int, *, groups: int = 8, depth: int = 2, level: bool = False
    ) -> None:
        super().__init__()
        if channels % groups:
            raise SpecError(
                f"{channels} channels do not part into {groups} groups; "
                "choose a width that is a multiple of the groups"
            )
        self.gain = 1 / AT_START if level else 1.0
        self.attention = CrossGroupAttention(channels, groups)
        self.route = RollingRoute(channels, groups, depth)
        self.weight = nn.Parameter(torch.empty(channels, channels, TAPS, TAPS))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))  # as nn.Conv2d draws its own

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each sample with its own kernel; see the class for shapes."""
        batch, channels, height, width = x.shape
        enhanced = self.attention(x)
        offsets, scales = self.route(enhanced)
        kernels = roll_kernels(self.weight, offsets, self.gain * scales).to(enhanced.dtype)
        # The samples stand side by side as groups of channels: one call, whatever the batch.
        together = fn.conv2d(
            enhanced.reshape(1, batch * channels, height, width),
            kernels.reshape(batch * channels, channels, TAPS, TAPS),
            padding=1,
            groups=batch,
        )
        return together.reshape(batch, channels, height, width)


class CrossGroupAttention(nn.Module):
    """Weigh each channel by its own group and by a sample of all groups.

    ``a = sigmoid(conv(concat(p, s)))``, p the pooled channels, s the same ones shuffled over the
    groups. The paper does not say how p and s meet before the grouped 1 x 1 convolution: here
    within each group, for p before all of s would show half of the groups no shuffled channel.

    Parameters
    ----------
    channels, groups : int
        C, and G that divides it.

    Shapes
    ------
    x : (B, C, H, W)
    return : (B, C, H, W)

    References
    ----------
    AGI-Net paper, Section 3.1, Eq. 1 and 2. Its parameter table leaves room for a bias.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.mix = nn.Conv2d(2 * channels, channels, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh; the mean is taken in single precision."""
        batch, channels = x.shape[:2]
        own = x.float().mean(dim=(2, 3)).view(batch, self.groups, -1)  # (B, G, C/G)
        shuffled = own.transpose(1, 2).reshape(batch, self.groups, -1)
        both = torch.cat([own, shuffled], dim=2).view(batch, 2 * channels, 1, 1)
        return x * torch.sigmoid(self.mix(both)).to(x.dtype)


class RollingRoute(nn.Module):
    """Read from a feature map how far each group's kernel rolls and how much it counts.

    The offset head has no bias and starts at zero, the scale head starts at sigmoid(1): the kernel
    rests at first, and the convolutions of the route get no gradient until the heads have moved.

    Parameters
    ----------
    channels, groups : int
        C, and G that divides it.
    depth : int
        Grouped convolutions. The text of the paper describes one; the parameters and operations of
        its two tables hold for two only.

    Shapes
    ------
    x : (B, C, H, W)
    return : offsets (B, G, 2) in taps, x (columns) then y (rows); scales (B, G) in (0, 1)

    References
    ----------
    AGI-Net paper, Section 3.2. Layer normalisation runs over the channels of each pixel: the
    parameter table wants a gain and a bias of C each.
    """

    def __init__(self, channels: int, groups: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(depth):
            conv = nn.Conv2d(channels, channels, 3, padding=1, groups=groups)
            layers += [conv, _ChannelNorm(channels), nn.GELU()]
        self.layers = nn.Sequential(*layers)
        self.offset = nn.Linear(channels, 2 * groups, bias=False)
        self.scale = nn.Linear(channels, groups)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.scale.weight)
        nn.init.ones_(self.scale.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Read; the heads run in single precision, for taps are counted in hundredths."""
        pooled = self.layers(x).float().mean(dim=(2, 3))  # (B, C)
        with _single_precision(x):
            offsets = self.offset(pooled).view(x.shape[0], -1, 2)
            return offsets, torch.sigmoid(self.scale(pooled))


class _ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        last = super().forward(x.float().movedim(1, -1))
        return last.movedim(-1, 1).to(x.dtype)


def roll_kernels(weight: Tensor, offsets: Tensor, scales: Tensor) -> Tensor:
    """Roll the taps of a 3 x 3 kernel, one way for each sample and group of input channels.

    What ``torch.roll`` gives at the whole offsets around, blended bilinearly: the taps are
    circular, so offsets count modulo 3. As matrices, ``W' = scale R(dy) W R(dx)^T``; the two
    become one 9 x 9 matrix for each sample and group, so that the batch is a single product. No
    operator of its own is needed, as the paper has one.

    Parameters
    ----------
    weight : Tensor
        The kernel at rest.
    offsets : Tensor
        In taps, x (columns) then y (rows); of any size and sign. The gradient at a whole number is
        that of its right side.
    scales : Tensor
        Factor of each group.

    Shapes
    ------
    weight : (O, C, 3, 3)
    offsets : (B, G, 2), G a divisor of C
    scales : (B, G)
    return : (B, O, C, 3, 3), in single precision

    References
    ----------
    AGI-Net paper, Eq. 4.
    """
    batch, groups = scales.shape
    out, channels = weight.shape[:2]
    with _single_precision(weight):
        columns, rows = _circulant(offsets.float()).unbind(dim=2)  # (B, G, 3, 3) each
        both = torch.einsum("bgij,bgkl->bgikjl", rows, columns)
        moved = (scales.float()[..., None, None, None, None] * both).reshape(
            batch, groups, TAPS * TAPS, TAPS * TAPS
        )
        parts = weight.float().reshape(out, groups, channels // groups, TAPS * TAPS)
        rolled = torch.einsum("bgxy,ogcy->bogcx", moved, parts)
    return rolled.reshape(batch, out, channels, TAPS, TAPS)


def _circulant(offsets: Tensor) -> Tensor:
    """Return the matrix that rolls three taps by each offset: (...) to (..., 3, 3)."""
    lower = offsets.floor()
    part = (offsets - lower).unsqueeze(-1)  # the gradient of the offset passes here
    taps = torch.arange(TAPS, device=offsets.device)
    near = (lower.remainder(TAPS).unsqueeze(-1) == taps).to(offsets.dtype)
    moved = near * (1 - part) + near.roll(1, dims=-1) * part  # where tap 0 goes
    return moved[..., (taps[:, None] - taps) % TAPS]


@contextmanager
def _single_precision(like: Tensor) -> Iterator[None]:
    """Keep autocast away from matrix products, where it is on."""
    kind = like.device.type
    if like.is_meta or not torch.is_autocast_enabled(kind):
        yield
        return
    with torch.autocast(kind, enabled=False):
        yield
