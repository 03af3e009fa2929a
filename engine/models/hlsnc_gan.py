"""HLSNC-GAN: CT from MR, learned on unpaired slices (Heng et al. 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ShapeError
from engine.models.blocks import SwitchNorm2d
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["HlsncGenerator", "HlsncSizes", "build_hlsnc_generator"]

PRESETS = {"paper": 1e-5, "robust": 1e-5, "literal": 1e-8}
"""The eps of the normalisation; the presets differ in losses and training, not in the network."""
SMALLEST = 32


@dataclass(frozen=True, slots=True)
class HlsncSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in, channels_out : int
        1 and 1 for one contrast to CT.
    width : int
        Channels after the first layer: 64 in the paper.
    blocks : int
        Residual blocks: 9 in the paper.
    """

    channels_in: int = 1
    channels_out: int = 1
    width: int = 64
    blocks: int = 9

    def __post_init__(self) -> None:
        refuse_misfits("hlsnc_gan", self, {})


class _Residual(nn.Module):
    """Two reflected 3 × 3 convolutions and the input again; no ReLU after the sum (Table 3)."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            SwitchNorm2d(channels, eps=eps),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            SwitchNorm2d(channels, eps=eps),
        )

    def forward(self, x: Tensor) -> Tensor:
        body: Tensor = self.body(x)
        return x + body


class HlsncGenerator(nn.Module):
    """Turn one slice of MR into one slice of CT.

    11,373,195 parameters at the paper's sizes. The first kernel is 5 × 5, as in Table 2 (256 → 252,
    and the last transposed convolution gives 256 back); the 7 × 7 of Section IV-D would not.

    Parameters
    ----------
    sizes : HlsncSizes
        Width and depth.
    eps : float
        Of the switchable normalisation.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [-1, 1]; H and W multiples of 4, at least 32
    return : (B, channels_out, H, W), in (-1, 1)

    References
    ----------
    Heng et al. 2024, Tables 2 and 3. Rulings: docs/adr/0006.
    """

    def __init__(self, sizes: HlsncSizes, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels_in = sizes.channels_in
        c = sizes.width

        def up(wide: int, narrow: int) -> list[nn.Module]:
            conv = nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1)
            return [conv, SwitchNorm2d(narrow, eps=eps), nn.ReLU(inplace=True)]

        def down(conv: nn.Conv2d) -> list[nn.Module]:
            return [conv, SwitchNorm2d(conv.out_channels, eps=eps), nn.ReLU(inplace=True)]

        self.encode = nn.Sequential(
            *down(nn.Conv2d(sizes.channels_in, c, 5)),  # (B, c, H-4, W-4)
            *down(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)),
            *down(nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1)),  # (B, 4c, H/4-1, W/4-1)
        )
        self.body = nn.Sequential(*(_Residual(4 * c, eps) for _ in range(sizes.blocks)))
        self.decode = nn.Sequential(
            *up(4 * c, 2 * c),
            *up(2 * c, c),  # (B, c, H-4, W-4)
            nn.ConvTranspose2d(c, sizes.channels_out, 5),  # (B, out, H, W)
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Generate; see the class for shapes."""
        height, width = x.shape[-2:]
        sound = x.ndim == 4 and x.shape[1] == self.channels_in
        if not sound or height % 4 or width % 4 or min(height, width) < SMALLEST:
            raise ShapeError(
                f"(B, {self.channels_in}, H, W) with H and W multiples of 4 and at least "
                f"{SMALLEST} is wanted, got {tuple(x.shape)}; pad first"
            )
        image: Tensor = self.decode(self.body(self.encode(x)))
        return torch.tanh(image)


def _initialise(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02), as CycleGAN does; the paper says nothing."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build_hlsnc_generator(preset: str, sizes: Mapping[str, Any]) -> HlsncGenerator:
    """Return the generator MR to CT; the inverse one has the same sizes.

    Raises
    ------
    SpecError
        When the preset is not ``paper``, ``robust`` or ``literal``, or a size is unknown.
    """
    chosen = sizes_of(HlsncSizes, "hlsnc_gan", preset, dict.fromkeys(PRESETS, HlsncSizes()), sizes)
    return HlsncGenerator(chosen, eps=PRESETS[preset])
