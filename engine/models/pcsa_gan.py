"""PCSA-GAN: FDG-PET of the brain from its grey matter (Mao et al.)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from engine.errors import ShapeError, SpecError
from engine.models.blocks import ChannelAttention3d, SelfAttention3d
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["PcsaGenerator", "PcsaSizes", "build_pcsa_generator"]

MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class PcsaSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in : int
        1: the grey-matter map.
    width : int
        Channels of the first block, all kernels together, a multiple of 6: 24 in the paper.
    attention : {4, 16, 0}
        Side of the grid, for a volume of 64, on which places attend to each other; 0 for none.
    skip : bool
        Hand the features at 1/4 and 1/2 of the resolution over to the decoder.
    scale_n : bool
        Undo the shrinking of :class:`~engine.models.blocks.ChannelAttention3d`.
    """

    channels_in: int = 1
    width: int = 24
    attention: int = 4
    skip: bool = False
    scale_n: bool = False

    def __post_init__(self) -> None:
        refuse_misfits("pcsa_gan", self, {"attention": (4, 16, 0)})
        if self.width % 6:
            raise SpecError(f"pcsa_gan: width is a multiple of 6; got {self.width}")


PRESETS = {"paper": PcsaSizes(), "robust": PcsaSizes(skip=True, scale_n=True)}


class _Pcca(nn.Module):
    """Pyramid convolution and channel attention (Eq. 1 to 6): one group of channels per kernel."""

    def __init__(self, channels_in: int, kernels: Mapping[int, int], *, scale: bool) -> None:
        super().__init__()
        self.groups = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(channels_in, channels, side, padding=side // 2),
                nn.ReLU(inplace=True),
                ChannelAttention3d(channels, scale=scale),
            )
            for side, channels in kernels.items()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([group(x) for group in self.groups], dim=1)


class _Residual(nn.Module):
    """Two convolutions and the input again, then ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv3d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv3d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        body: Tensor = self.body(x)
        return torch.relu(x + body)


class _Up(nn.Module):
    """Trilinear interpolation, then a 3 × 3 × 3 transposed convolution that keeps the size."""

    def __init__(self, channels_in: int, channels_out: int, factor: int) -> None:
        super().__init__()
        self.factor = float(factor)
        self.conv = nn.ConvTranspose3d(channels_in, channels_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        wide = fn.interpolate(x, scale_factor=self.factor, mode="trilinear", align_corners=False)
        image: Tensor = self.conv(wide)
        return image


class PcsaGenerator(nn.Module):
    """Turn a smoothed grey-matter map into relative uptake of FDG.

    3,256,154 parameters and 10.15 G multiplications at 64 × 64 × 64; 3,319,010 with ``skip``. The
    paper gives no count. Sides for a volume of 64:

    ========= ============================================ ======== =====
    part      layers                                       channels side
    ========= ============================================ ======== =====
    first     kernels 7, 5, 3 (w/6, w/3, w/2)              w        64
    second    pool, kernels 5, 3 (3w/2, 5w/2)              4w       32
    third     pool, kernel 3 stride 2, ReLU, pool          8w       4
    residual  two kernels 3                                8w       4
    attend    every place to every place                   8w       4
    up        × 4, × 2, × 2, each a transposed kernel 3    4w, w, 1 64
    ========= ============================================ ======== =====

    Rulings. Factors 4, 2, 2: with strides and pools as the text has them, only this chain meets
    the sides of Table 1 (4, 16, 32) with three transposed convolutions. The last one is followed
    by a sigmoid and not by ReLU, since targets lie in [0, 1]. No features are handed over in
    ``paper``: a U-Net is named, its skips are not described. With ``attention`` 16 places attend
    in the decoder, where the side is 16. Table 1's 32 is left out: it would take 4 GiB per volume.
    For the softmax of a sigmoid see :class:`~engine.models.blocks.ChannelAttention3d`. Kernels
    start as torch draws them.

    Parameters
    ----------
    sizes : PcsaSizes
        Width and variants.

    Shapes
    ------
    x : (B, channels_in, D, H, W), in [0, 1]; sides multiples of 16, 64 in the paper
    return : (B, 1, D, H, W), in (0, 1)

    References
    ----------
    Mao et al. (PCSA-GAN), Section 3.2, Eq. 1 to 6, Figures 1 and 2, Table 1.
    """

    def __init__(self, sizes: PcsaSizes) -> None:
        super().__init__()
        self.sizes = sizes
        w, scale = sizes.width, sizes.scale_n
        self.first = _Pcca(sizes.channels_in, {7: w // 6, 5: w // 3, 3: w // 2}, scale=scale)
        self.second = _Pcca(w, {5: 3 * w // 2, 3: 5 * w // 2}, scale=scale)
        self.third = nn.Sequential(
            nn.Conv3d(4 * w, 8 * w, 3, stride=2, padding=1), nn.ReLU(inplace=True)
        )
        self.residual = _Residual(8 * w)
        attending = {4: 8 * w, 16: 4 * w}
        self.attend = (
            SelfAttention3d(attending[sizes.attention]) if sizes.attention else nn.Identity()
        )
        handed = 2 if sizes.skip else 1
        self.up = nn.ModuleList([_Up(8 * w, 4 * w, 4), _Up(handed * 4 * w, w, 2)])
        self.image = _Up(handed * w, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Generate; see the class for shapes."""
        wanted = self.sizes.channels_in
        if x.ndim != 5 or x.shape[1] != wanted or any(n < 1 or n % MULTIPLE for n in x.shape[2:]):
            raise ShapeError(
                f"(B, {wanted}, D, H, W) with sides that are multiples of {MULTIPLE} is wanted, "
                f"got {tuple(x.shape)}; bring it onto the grid of the template, or pad first"
            )
        half = fn.max_pool3d(self.first(x), 2)  # (B, w, D/2, H/2, W/2)
        quarter = fn.max_pool3d(self.second(half), 2)  # (B, 4w, D/4, H/4, W/4)
        deep = self.residual(fn.max_pool3d(self.third(quarter), 2))  # (B, 8w, D/16, H/16, W/16)
        if self.sizes.attention == 4:
            deep = self.attend(deep)
        made = torch.relu(self.up[0](deep))
        if self.sizes.attention == 16:
            made = self.attend(made)
        made = torch.relu(self.up[1](self._joined(made, quarter)))
        return torch.sigmoid(self.image(self._joined(made, half)))

    def _joined(self, made: Tensor, handed: Tensor) -> Tensor:
        return torch.cat([made, handed], dim=1) if self.sizes.skip else made


def build_pcsa_generator(preset: str, sizes: Mapping[str, Any]) -> PcsaGenerator:
    """Return the generator.

    Raises
    ------
    SpecError
        When the preset is not ``paper`` or ``robust``, or a size is unknown.
    """
    return PcsaGenerator(sizes_of(PcsaSizes, "pcsa_gan", preset, PRESETS, sizes))
