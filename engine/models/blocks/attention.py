"""Attention over channels and over places; sums, means and softmax in single precision."""

import torch
from torch import Tensor, nn

__all__ = ["ChannelAttention3d", "ConvBlockAttention3d", "SelfAttention3d"]

_PLACE = (2, 3, 4)


def _mean(x: Tensor, dim: int | tuple[int, ...], *, keepdim: bool = False) -> Tensor:
    """Return the mean, summed in single precision, in the type of ``x``."""
    return x.mean(dim, keepdim=keepdim, dtype=torch.float32).to(x.dtype)


class ConvBlockAttention3d(nn.Module):
    """Weigh channels, then places, each by a sigmoid (CBAM).

    One perceptron without biases serves both the mean and the maximum of a channel. A place is
    weighed by a 7 × 7 × 7 convolution of the mean and the maximum over its channels.

    Parameters
    ----------
    channels : int
        C of input and output.
    hidden : int
        Of the perceptron.

    Shapes
    ------
    x : (B, channels, D, H, W)
    return : (B, channels, D, H, W)

    References
    ----------
    Woo et al. 2018 (CBAM), Eq. 1 to 3.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.channel = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, channels, bias=False),
        )
        self.place = nn.Conv3d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh; see the class for shapes."""
        of_channel = self.channel(_mean(x, _PLACE)) + self.channel(x.amax(_PLACE))  # (B, C)
        x = x * torch.sigmoid(of_channel)[:, :, None, None, None].to(x.dtype)
        seen = torch.cat([_mean(x, 1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.place(seen)).to(x.dtype)


class ChannelAttention3d(nn.Module):
    """Weigh the channels of one group against each other.

    ``softmax(sigmoid(W2 relu(W1 mean) + W4 relu(W3 max)))`` over the channels. The softmax of
    numbers in (0, 1) is nearly even, about 1 / channels, so the group shrinks by that much;
    ``scale`` multiplies it back. The paper's text has the softmax, its legend the sigmoid, and
    Eq. 4 both: both are taken. The hidden width, half of the channels, is not in the paper.

    Parameters
    ----------
    channels : int
        Of the group.
    scale : bool
        Multiply by the number of channels, so that an even weight is 1.

    Shapes
    ------
    x : (B, channels, D, H, W)
    return : (B, channels, D, H, W)

    References
    ----------
    Mao et al. (PCSA-GAN), Eq. 3 to 5 and Figure 2.
    """

    def __init__(self, channels: int, *, scale: bool) -> None:
        super().__init__()
        self.gain = channels if scale else 1
        self.of_mean, self.of_max = _perceptron(channels), _perceptron(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh; see the class for shapes."""
        both = self.of_mean(_mean(x, _PLACE)) + self.of_max(x.amax(_PLACE))  # (B, C)
        weight = torch.softmax(torch.sigmoid(both.float()), dim=1) * self.gain
        return x * weight[:, :, None, None, None].to(x.dtype)


def _perceptron(channels: int) -> nn.Sequential:
    hidden = max(1, channels // 2)
    return nn.Sequential(
        nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels)
    )


class SelfAttention3d(nn.Module):
    """Add to each place what it gathers from all places, as much as a learned gamma lets in.

    Gamma starts at 0: at first the block is the identity. The products are not scaled. The
    bias of the keys takes part in nothing (softmax ignores it) and is kept as the method has it.

    Parameters
    ----------
    channels : int
        C of input and output; queries and keys have an eighth.

    Shapes
    ------
    x : (B, channels, D, H, W)
    return : (B, channels, D, H, W)

    Memory grows with (D H W) squared: 64 MiB per volume at 16 × 16 × 16.

    References
    ----------
    Zhang et al. 2019 (SAGAN), Eq. 1 to 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv3d(channels, inner, 1)
        self.key = nn.Conv3d(channels, inner, 1)
        self.value = nn.Conv3d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Gather; see the class for shapes."""
        query, key, value = (part(x).flatten(2) for part in (self.query, self.key, self.value))
        likeness = query.transpose(1, 2) @ key  # (B, N, N): row for the asking place
        share = torch.softmax(likeness, dim=2, dtype=torch.float32).to(value.dtype)
        gathered = (value @ share.transpose(1, 2)).view_as(x)  # (B, C, N) into places
        attended: Tensor = x + (self.gamma * gathered).to(x.dtype)
        return attended
