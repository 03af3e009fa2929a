"""ResUnet: the residual U-Net that AGI-Net is built on, and its baseline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from engine.errors import ShapeError
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["STAGES", "ResUnet", "ResUnetSizes", "build_resunet", "plain"]

STAGES = ("down1", "down2", "down3", "body", "up1", "up2", "up3")
MULTIPLE = 8

FirstConv = Callable[[str, int], nn.Module]
"""Stage and channels to the first convolution of a residual block there."""


@dataclass(frozen=True, slots=True)
class ResUnetSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in : int
        Contrasts, stacked as channels: 2 in the paper.
    width : int
        Channels at full resolution: 64 in the paper; they double with each halving.
    """

    channels_in: int = 2
    width: int = 64

    def __post_init__(self) -> None:
        refuse_misfits("resunet", self, {})


PRESETS = {"paper": ResUnetSizes(), "robust": ResUnetSizes()}
"""The presets differ in training, not in the network."""


def plain(_stage: str, channels: int) -> nn.Module:
    """Return the 3 x 3 convolution that ResUnet has everywhere."""
    return nn.Conv2d(channels, channels, 3, padding=1, bias=False)


class _Residual(nn.Module):
    """The input and two convolutions of it, ReLU between; no normalisation."""

    def __init__(self, channels: int, first: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        body: Tensor = self.second(self.relu(self.first(x)))
        return x + body


class ResUnet(nn.Module):
    """Turn one slice of several contrasts into the same slice of another.

    17,008,320 parameters at the paper's sizes; the paper's 17.04 M does not fit its own later rows.
    Seven stages of two residual blocks: three that go down, the body, three that come up. What
    enters a stage on the way down is added (not concatenated) to what enters its mirror on the way
    up. No bias, no normalisation, no residual over the whole, no activation at the end: the caller
    clips to the range that it learned on. The paper names the backbone; the layers are those of the
    denoiser that it cites, with two blocks in a stage, and its table of operations holds for them.

    Parameters
    ----------
    sizes : ResUnetSizes
        Contrasts and width.
    first : callable
        Stage and channels to the first convolution of a block: where AGI-Net differs.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [0, 1]; H and W multiples of 8
    return : (B, 1, H, W), unbounded

    References
    ----------
    AGI-Net paper, Section 3.3 and Table 2, first row; Zhang et al. 2021 (DPIR).
    """

    def __init__(self, sizes: ResUnetSizes, first: FirstConv = plain) -> None:
        super().__init__()
        self.channels_in = sizes.channels_in
        c = sizes.width

        def stage(name: str, channels: int) -> list[nn.Module]:
            return [_Residual(channels, first(name, channels)) for _ in range(2)]

        def down(name: str, wide: int) -> nn.Sequential:
            return nn.Sequential(
                *stage(name, wide), nn.Conv2d(wide, 2 * wide, 2, stride=2, bias=False)
            )

        def up(name: str, wide: int) -> nn.Sequential:
            raised = nn.ConvTranspose2d(2 * wide, wide, 2, stride=2, bias=False)
            return nn.Sequential(raised, *stage(name, wide))

        self.head = nn.Conv2d(sizes.channels_in, c, 3, padding=1, bias=False)
        self.down1 = down("down1", c)
        self.down2 = down("down2", 2 * c)
        self.down3 = down("down3", 4 * c)
        self.body = nn.Sequential(*stage("body", 8 * c))
        self.up1 = up("up1", 4 * c)
        self.up2 = up("up2", 2 * c)
        self.up3 = up("up3", c)
        self.tail = nn.Conv2d(c, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Generate; see the class for shapes."""
        _check(x, self.channels_in)
        whole = self.head(x)  # (B, c, H, W)
        half = self.down1(whole)  # (B, 2c, H/2, W/2)
        quarter = self.down2(half)
        eighth = self.down3(quarter)  # (B, 8c, H/8, W/8)
        y = self.up1(self.body(eighth) + eighth)
        y = self.up3(self.up2(y + quarter) + half)
        image: Tensor = self.tail(y + whole)
        return image


def _check(x: Tensor, channels: int) -> None:
    """Refuse what the network cannot take."""
    if x.ndim != 4 or x.shape[1] != channels or any(side % MULTIPLE for side in x.shape[-2:]):
        raise ShapeError(
            f"(B, {channels}, H, W) with H and W multiples of {MULTIPLE} is wanted, "
            f"got {tuple(x.shape)}; stack {channels} contrasts and pad first"
        )


def build_resunet(preset: str, sizes: Mapping[str, Any]) -> ResUnet:
    """Return the backbone.

    Raises
    ------
    SpecError
        When the preset is not ``paper`` or ``robust``, or a size is unknown.
    """
    return ResUnet(sizes_of(ResUnetSizes, "resunet", preset, PRESETS, sizes))
