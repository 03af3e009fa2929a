"""CALF-GAN: a contrast from another, guided by a latent of the slice (Zhu and Wang)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.errors import ShapeError, SpecError
from engine.models.blocks.multi_conv_former import HEAD, MultiConvFormer
from engine.models.calf_latent import CalfConverter, CalfEncoder
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["CalfGan", "CalfGenerator", "CalfSizes", "build_calf_gan"]

NORMS: Mapping[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
ENDS: Mapping[str, type[nn.Module]] = {"symmetric": nn.Tanh, "unit": nn.Sigmoid}
MULTIPLE = 4
SMALLEST = 8


@dataclass(frozen=True, slots=True)
class CalfSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in : int
        1 for one contrast. More cannot be made back from the one channel that comes out.
    width : int
        Channels of the generator at full resolution, a multiple of 8: 64 in the paper. The maps of
        the attention are as many.
    blocks : int
        Blocks at quarter resolution: 9 in the paper.
    latent : int
        Numbers that describe a slice: 64 in the paper.
    domains, source, target : int
        Contrasts that the encoder and the converter know, and which of them, from 0, the network
        translates between: 2, 0 and 1 in the paper.
    guidance : bool
        False leaves the latent out: no encoder, no converter, and instance normalisation with
        learned scale and shift where the latent gave them. The paper's ablation.
    mcf : bool
        False puts residual blocks of two convolutions in the place of the generator's
        Multi-Conv-Formers. The paper's ablation ("standard convolutional blocks"); with no
        guidance either, what is left is the nine-block generator of pix2pix and CycleGAN.
    norm : str
        Normalisation in the generator's encoder: ``batch`` in the paper. Its running averages
        are of the source's slices alone: ``train.systems.calf_gan`` keeps made ones, which go back
        through the network, out of them. A batch of few slices still learns by averages of its own
        and is judged by the running ones; ``instance`` (``robust``) has none.
    range : str
        Of what goes in and comes out: ``symmetric``, [-1, 1] with tanh at the end, or ``unit``,
        [0, 1] with a sigmoid. The paper normalises to [0, 1] and names no activation; the
        parameters are the same.
    """

    channels_in: int = 1
    width: int = 64
    blocks: int = 9
    latent: int = 64
    domains: int = 2
    source: int = 0
    target: int = 1
    guidance: bool = True
    mcf: bool = True
    norm: str = "batch"
    range: str = "symmetric"

    def __post_init__(self) -> None:
        known = tuple(range(self.domains)) if type(self.domains) is int else ()
        named = {"norm": tuple(NORMS), "range": tuple(ENDS)}
        refuse_misfits("calf_gan", self, {"source": known, "target": known, **named})
        if self.width % HEAD:
            raise SpecError(f"calf_gan: width is a multiple of {HEAD}; got {self.width}")


PRESETS = {"paper": CalfSizes(), "robust": CalfSizes(norm="instance")}


class CalfGan(nn.Module):
    """Turn one slice of a contrast into the same slice of another.

    Encoder FE reads the latent f of the slice, converter FC turns it into f_hat of the target, and
    the generator G is guided by it. 23,540,865 parameters at the paper's sizes; with the critic's
    2,764,609 they are 26,305,474, the paper's 26.31 M. For the losses ``encoder``, ``converter``
    and ``generator`` can be called apart; the first two are None without guidance.

    Equations 8 to 11 of the paper guide the forward translation by f and the way back by f_hat,
    against its own text; here, as in the work that it follows, f_hat leads to the target and f back
    to the source.

    Parameters
    ----------
    sizes : CalfSizes
        Width, depth, latent and domains.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [-1, 1]; H and W multiples of 16, at least 64
        (without guidance: multiples of 4, at least 8)
    return : (B, 1, H, W), in (-1, 1); of range ``unit`` [0, 1] goes in and (0, 1) comes out

    References
    ----------
    Zhu and Wang, "CALF-GAN: Multi-scale convolutional attention for latent feature-guided
    cross-modality MR image synthesis", Sections 3.1 to 3.3, Fig. 1, Table 2. The paper normalises
    to [0, 1] and names no activation at the end; tanh and [-1, 1] are those of the code base whose
    schedule it takes.
    """

    def __init__(self, sizes: CalfSizes) -> None:
        super().__init__()
        self.source = sizes.source
        self.target = sizes.target
        self.generator = CalfGenerator(sizes)
        self.encoder: CalfEncoder | None = None
        self.converter: CalfConverter | None = None
        if sizes.guidance:
            self.encoder = CalfEncoder(
                sizes.channels_in, sizes.width, latent=sizes.latent, domains=sizes.domains
            )
            self.converter = CalfConverter(sizes.latent, domains=sizes.domains)

    def forward(self, x: Tensor) -> Tensor:
        """Generate from ``source`` to ``target``; see the class for shapes."""
        guide = None
        if self.encoder is not None and self.converter is not None:
            guide = self.converter(self.encoder(x, self.source), self.target).f_hat
        image: Tensor = self.generator(x, guide)
        return image


class CalfGenerator(nn.Module):
    """Translate a slice, guided by a latent.

    14,792,193 parameters at the paper's sizes (14.79 M in its Table 2): two halvings, the blocks,
    two doublings. The latent enters in the decoder alone, by adaptive instance normalisation; the
    text also has it in the encoder, for which the parameter count leaves no room. No skips.

    Parameters
    ----------
    sizes : CalfSizes
        Width, depth, latent.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [-1, 1]; H and W multiples of 4, at least 8
    f : (B, latent); None without guidance
    return : (B, 1, H, W), in (-1, 1)

    References
    ----------
    CALF-GAN paper, Section 3.3.
    """

    def __init__(self, sizes: CalfSizes) -> None:
        super().__init__()
        self.channels_in = sizes.channels_in
        self.latent = sizes.latent if sizes.guidance else None
        c = sizes.width

        def normed(conv: nn.Conv2d) -> list[nn.Module]:
            norm = NORMS[sizes.norm](conv.out_channels, affine=True)
            return [conv, norm, nn.ReLU(inplace=True)]

        block = MultiConvFormer if sizes.mcf else _Residual
        self.encode = nn.Sequential(
            nn.ReflectionPad2d(3),
            *normed(nn.Conv2d(sizes.channels_in, c, 7)),  # (B, c, H, W)
            *normed(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1)),
            *normed(nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1)),  # (B, 4c, H/4, W/4)
        )
        self.body = nn.Sequential(*(block(4 * c, c) for _ in range(sizes.blocks)))
        self.up1 = _Up(4 * c, 2 * c, self.latent)
        self.up2 = _Up(2 * c, c, self.latent)  # (B, c, H, W)
        self.last = nn.Sequential(nn.ReflectionPad2d(3), nn.Conv2d(c, 1, 7), ENDS[sizes.range]())
        self.apply(_initialise)

    def forward(self, x: Tensor, f: Tensor | None = None) -> Tensor:
        """Generate; see the class for shapes."""
        self._check(x, f)
        y = self.body(self.encode(x))
        image: Tensor = self.last(self.up2(self.up1(y, f), f))
        return image

    def _check(self, x: Tensor, f: Tensor | None) -> None:
        sound = x.ndim == 4 and x.shape[1] == self.channels_in
        if not sound or any(side % MULTIPLE or side < SMALLEST for side in x.shape[-2:]):
            raise ShapeError(
                f"(B, {self.channels_in}, H, W) with H and W multiples of {MULTIPLE} and at least "
                f"{SMALLEST} is wanted, got {tuple(x.shape)}; pad first"
            )
        wanted = None if self.latent is None else (x.shape[0], self.latent)
        seen = None if f is None else tuple(f.shape)
        if seen != wanted:
            raise ShapeError(f"a latent of shape {wanted} is wanted, got {seen}")


class _Up(nn.Module):
    """Double the resolution, normalise as the latent says, ReLU."""

    def __init__(self, wide: int, narrow: int, latent: int | None) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(wide, narrow, 3, stride=2, padding=1, output_padding=1)
        self.norm = _PlainNorm(narrow) if latent is None else _AdaptiveNorm(narrow, latent)

    def forward(self, x: Tensor, f: Tensor | None) -> Tensor:
        return torch.relu(self.norm(self.conv(x), f))


class _AdaptiveNorm(nn.Module):
    """Instance normalisation, then (1 + gamma) h + beta with gamma and beta from the latent."""

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.style = nn.Linear(latent, 2 * channels)

    def forward(self, x: Tensor, f: Tensor) -> Tensor:
        gamma, beta = self.style(f)[..., None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
        h: Tensor = (1 + gamma) * self.norm(x.float()) + beta
        return h.to(x.dtype)


class _PlainNorm(nn.Module):
    """Instance normalisation with a learned scale and shift: an adaptive one without a latent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor, _f: None) -> Tensor:
        h: Tensor = self.norm(x.float())
        return h.to(x.dtype)


class _Residual(nn.Module):
    """Two convolutions and the input again; takes ``attending`` to be put in for an MCF."""

    def __init__(self, channels: int, attending: int) -> None:  # noqa: ARG002
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        body: Tensor = self.body(x)
        return x + body


def _initialise(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02) and norms from N(1, 0.02), as pix2pix does.

    The paper says nothing. Linear layers and the kernels of the attention keep their own.
    """
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1.0, 0.02)


def build_calf_gan(preset: str, sizes: Mapping[str, Any]) -> CalfGan:
    """Return generator, encoder and converter as one network.

    Raises
    ------
    SpecError
        When the preset is not ``paper`` or ``robust``, or a size is unknown.
    """
    return CalfGan(sizes_of(CalfSizes, "calf_gan", preset, PRESETS, sizes))
