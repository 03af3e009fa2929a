"""CALF-GAN's guidance: a slice into a latent, and the latent into another contrast's."""

from typing import NamedTuple

from torch import Tensor, nn

from engine.errors import ShapeError
from engine.models.blocks import MultiConvFormer

__all__ = ["CalfConverter", "CalfEncoder", "Latent"]

MULTIPLE = 16
SMALLEST = 64
"""Where the last 4 x 4 kernel, after four halvings, still fits."""


class Latent(NamedTuple):
    """A converted latent and the parts that the orthogonal loss (Eq. 12) looks at.

    Each is (B, latent): ``f_hat = f_wo + f_tm``, what guides towards the target; ``f_wo``, free of
    the contrast; ``f_wm = f - f_wo``, the source contrast's; ``f_tm``, the target contrast's.
    """

    f_hat: Tensor
    f_wo: Tensor
    f_wm: Tensor
    f_tm: Tensor


class CalfEncoder(nn.Module):
    """Read the latent of a slice (FE).

    8,711,232 parameters at the paper's sizes. The paper gives a total alone (26.31 M) and says that
    redundant residual blocks were taken out and Multi-Conv-Formers added; many structures come to
    that total. Ours is L2M-GAN's encoder capped at 256 channels, without its two deepest blocks,
    and with an MCF after each block of 256 channels.

    Convolutions start as those of L2M-GAN do (He et al. 2015). The N(0, 0.02) of the generator, in
    residual blocks without normalisation, would leave a thousandth of the slice before the first
    MCF, whose own borders would then drown it.

    Parameters
    ----------
    channels_in, width : int
        Of the slice; of the first layer, 64 in the paper. Capped at four times that.
    latent : int
        Numbers that come out.
    domains : int
        Contrasts, each with a head of its own.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [-1, 1]; H and W multiples of 16, at least 64
    domain : the contrast of x, from 0
    return : (B, latent)

    References
    ----------
    CALF-GAN paper, Section 3.1 and Fig. 2. No normalisation in the residual blocks: L2M-GAN,
    StarGAN v2.
    """

    def __init__(self, channels_in: int, width: int, *, latent: int, domains: int) -> None:
        super().__init__()
        self.channels_in = channels_in
        c = width
        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, c, 3, padding=1),
            _Halve(c, 2 * c),
            _Halve(2 * c, 4 * c),
            MultiConvFormer(4 * c, c),
            _Halve(4 * c, 4 * c),
            MultiConvFormer(4 * c, c),
            _Halve(4 * c, 4 * c),
            MultiConvFormer(4 * c, c),  # (B, 4c, H/16, W/16)
            nn.LeakyReLU(0.2),
            nn.Conv2d(4 * c, 4 * c, 4),
            nn.LeakyReLU(0.2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.heads = nn.ModuleList(nn.Linear(4 * c, latent) for _ in range(domains))
        self.apply(_initialise)

    def forward(self, x: Tensor, domain: int) -> Tensor:
        """Encode; see the class for shapes."""
        sound = x.ndim == 4 and x.shape[1] == self.channels_in
        if not sound or any(side % MULTIPLE or side < SMALLEST for side in x.shape[-2:]):
            raise ShapeError(
                f"(B, {self.channels_in}, H, W) with H and W multiples of {MULTIPLE} and at least "
                f"{SMALLEST} is wanted, got {tuple(x.shape)}; pad first"
            )
        f: Tensor = self.heads[domain](self.layers(x))
        return f


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class _Halve(nn.Module):
    """A residual block that halves the resolution; main and short path add up over sqrt(2)."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Conv2d(narrow, narrow, 3, padding=1),
            nn.AvgPool2d(2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(narrow, wide, 3, padding=1),
        )
        same = narrow == wide
        self.short = nn.Sequential(
            nn.Identity() if same else nn.Conv2d(narrow, wide, 1, bias=False), nn.AvgPool2d(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        both: Tensor = self.main(x) + self.short(x)
        return both / 2**0.5


class CalfConverter(nn.Module):
    """Exchange the contrast in a latent (FC).

    37,440 parameters for two contrasts: L2M-GAN's style transformer without its attention, of
    which the paper keeps the split into a part that is free of the contrast and one that is not.

    Parameters
    ----------
    latent : int
        Numbers of a latent.
    domains : int
        Contrasts, each with a branch of its own.

    Shapes
    ------
    f : (B, latent)
    target : the contrast wanted, from 0
    return : Latent, (B, latent) each

    References
    ----------
    CALF-GAN paper, Section 3.1 and Eq. 12.
    """

    def __init__(self, latent: int, *, domains: int) -> None:
        super().__init__()
        self.free = _three_layers(latent)
        self.towards = nn.ModuleList(_three_layers(latent) for _ in range(domains))

    def forward(self, f: Tensor, target: int) -> Latent:
        """Convert; see the class for shapes."""
        f_wo = self.free(f)
        f_wm = f - f_wo
        f_tm = self.towards[target](f_wm)
        return Latent(f_wo + f_tm, f_wo, f_wm, f_tm)


def _three_layers(latent: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(latent, latent),
        nn.ReLU(),
        nn.Linear(latent, latent),
        nn.ReLU(),
        nn.Linear(latent, latent),
    )
