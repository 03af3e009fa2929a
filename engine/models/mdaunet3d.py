"""3D-mDAUNet: volumes at four resolutions in and out, for CT from MR or CBCT (Ha et al.)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as fn
from torch import Tensor, nn

from engine.errors import ShapeError, SpecError
from engine.models.blocks import (
    COARSEST,
    PYRAMIDS,
    ConvBlockAttention3d,
    NestedDense3d,
    PyramidUNet3d,
    SpectralConv3d,
    plain_weights,
    pyramid,
)
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["MdaUnet3d", "MdaUnetSizes", "bake_mdaunet3d", "build_mdaunet3d"]


@dataclass(frozen=True, slots=True)
class MdaUnetSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in : int
        1: one contrast.
    width : int
        Channels at full resolution, even: 16 in the paper. All others and the growth of the dense
        blocks follow it.
    multi_input : bool
        Show the coarser levels the volume at their own resolution.
    multi_output : bool
        Make the volume at the coarser resolutions too while learning.
    pyramid : {"trilinear", "nearest", "average"}
        How the volume is shown at coarser resolutions.
    spectral : bool
        Divide the kernels of stems and decoder by their norm. False for weights that were baked.
    """

    channels_in: int = 1
    width: int = 16
    multi_input: bool = True
    multi_output: bool = True
    pyramid: str = "trilinear"
    spectral: bool = True

    def __post_init__(self) -> None:
        refuse_misfits("mdaunet3d", self, {"pyramid": PYRAMIDS})
        if self.width % 2:
            raise SpecError(f"mdaunet3d: width is even; got {self.width}")


PRESETS = {"paper": MdaUnetSizes(), "robust": MdaUnetSizes(pyramid="average")}


class MdaUnet3d(nn.Module):
    """Turn a volume of the source contrast into one of the target contrast.

    6,176,846 parameters at the paper's sizes, 6,170,795 of which serve; 272.7 G multiplications
    per 96 × 96 × 96. Four levels, each at half the resolution of the one before. All kernels are
    3 × 3 × 3 but those of attention; LeakyReLU 0.2. With w for ``width``:

    ===== ======================== ===================== ======= ==========================
    level into the encoder         dense blocks (growth) made    decoder, into
    ===== ======================== ===================== ======= ==========================
    0     stem w                   w (w / 2)             w       attention, 3 kernels, 3w
    1     stem w, level 0 halved   2w (w)                2w      attention, 3 kernels, 6w
    2     stem w, level 1 halved   3w (2w)               4w      attention, 3 kernels, 12w
    3     stem w, level 2 halved   5w (2w)               8w      none
    ===== ======================== ===================== ======= ==========================

    Rulings, where the paper is silent or its code differs from it: three dense blocks in a row
    (the figure shows one); spectral norm on stems and decoder (the paper names the discriminator
    only); no activation after a stem or an image; coarser inputs by trilinear interpolation (the
    figure says nearest); images are not clipped here, since a clipped voxel would learn nothing.
    Kernels outside the dense blocks start as torch draws them.

    Parameters
    ----------
    sizes : MdaUnetSizes
        Width and what is left out.

    Shapes
    ------
    x : (B, channels_in, D, H, W), intensities in [0, 1], sides at least 8
    return : (B, 1, D, H, W) in evaluation, linear, about [0, 1]; while learning a tuple of 4
        (of 1 without ``multi_output``), level l of sides n / 2^l, rounded up

    Sides that are no multiples of 8 are padded by their last voxels, and the result is cropped.

    References
    ----------
    Ha et al., Multi-resolution guided 3D GANs for medical image translation, Section 3.2 and
    Figure 1; the code of its authors for what they leave open.
    """

    def __init__(self, sizes: MdaUnetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        w = sizes.width

        def convolution(seen: int, made: int) -> nn.Conv3d:
            if sizes.spectral:
                return SpectralConv3d(seen, made)
            return nn.Conv3d(seen, made, 3, padding=1)

        def encoder(seen: int, made: int) -> nn.Module:
            return nn.Sequential(
                NestedDense3d(seen, min(made // 2, 2 * w)),
                nn.Conv3d(seen, made, 3, padding=1),
                nn.LeakyReLU(0.2, inplace=True),
            )

        def decoder(seen: int, made: int) -> nn.Module:
            layers: list[nn.Module] = [ConvBlockAttention3d(seen, 3 * w // 2)]
            for channels in (seen, made, made):
                layers += [convolution(channels, made), nn.LeakyReLU(0.2, inplace=True)]
            return nn.Sequential(*layers)

        self.levels = PyramidUNet3d(
            w,
            multi=sizes.multi_input,
            stem=lambda made: convolution(sizes.channels_in, made),
            encoder=encoder,
            decoder=decoder,
        )
        heads = [w, 2 * w, 4 * w, 8 * w] if sizes.multi_output else [w]
        self.heads = nn.ModuleList(nn.Conv3d(seen, 1, 3, padding=1) for seen in heads)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Generate; see the class for shapes."""
        if x.ndim != 5 or x.shape[1] != self.sizes.channels_in or min(x.shape[2:]) < COARSEST:
            raise ShapeError(
                f"(B, {self.sizes.channels_in}, D, H, W) with sides of at least {COARSEST} is "
                f"wanted, got {tuple(x.shape)}; pad first"
            )
        padded = _padded(x)
        shown = pyramid(padded, self.sizes.pyramid) if self.sizes.multi_input else (padded,)
        heads = self.heads if self.training else self.heads[:1]
        images = tuple(
            _cropped(head(features), x.shape[2:], 2**level)
            for level, (head, features) in enumerate(zip(heads, self.levels(shown), strict=False))
        )
        return images if self.training else images[0]

    def baked(self) -> "MdaUnet3d":
        """Return what serves: plain convolutions, level 0 alone, the same image bit for bit."""
        served = MdaUnet3d(replace(self.sizes, spectral=False, multi_output=False))
        weights = plain_weights(self)
        served.load_state_dict({name: weights[name] for name in served.state_dict()})
        return served.eval()


def _padded(x: Tensor) -> Tensor:
    """Return ``x`` with its last voxels repeated up to multiples of 8."""
    missing = [-side % COARSEST for side in x.shape[2:]]
    if not any(missing):
        return x
    depth, height, width = missing
    return fn.pad(x, (0, width, 0, height, 0, depth), mode="replicate")


def _cropped(image: Tensor, shape: torch.Size, factor: int) -> Tensor:
    """Return the corner of ``image`` that a volume of ``shape`` has at 1 / ``factor``."""
    depth, height, width = (-(-side // factor) for side in shape)
    return image[:, :, :depth, :height, :width]


def build_mdaunet3d(preset: str, sizes: Mapping[str, Any]) -> MdaUnet3d:
    """Return the generator.

    Raises
    ------
    SpecError
        When the preset is not ``paper`` or ``robust``, or a size is unknown.
    """
    return MdaUnet3d(sizes_of(MdaUnetSizes, "mdaunet3d", preset, PRESETS, sizes))


def bake_mdaunet3d(
    preset: str, sizes: Mapping[str, Any], weights: Mapping[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return sizes and weights of what serves; see :func:`engine.models.bake`."""
    network = build_mdaunet3d(preset, sizes)
    network.load_state_dict(dict(weights))
    served = network.baked()
    return asdict(served.sizes), dict(served.state_dict())
