"""The judge of patches of pix2pix, with batch normalisation."""

from torch import Tensor, nn

from engine.errors import ShapeError

__all__ = ["PatchGan2d"]

SMALLEST = 32


class PatchGan2d(nn.Module):
    """Say of each patch of 70 pixels whether it is real.

    At the full width 2,763,585 parameters with one channel in, 2,764,609 with two (CALF-GAN: source
    and image) and 2,765,633 with three (AGI-Net: two sources and image). Convolutions that a
    normalisation follows have no bias. Logits: the loss takes the sigmoid.

    Parameters
    ----------
    channels_in : int
        Sources and image, stacked.
    width : int
        Channels after the first layer: 64 in the papers.

    Shapes
    ------
    x : (B, channels_in, H, W), H and W at least 32
    return : (B, 1, H/8 - 2, W/8 - 2) logits

    References
    ----------
    Isola et al. 2017, Appendix 6.1.2 (the 70 x 70 discriminator). CALF-GAN paper, Section 3.4: the
    prose does not say whether the source is seen, but it cites the conditional form, which
    parameter totals cannot tell apart (1,024). AGI-Net paper, Section 4.2, "within pix2pix".
    """

    def __init__(self, *, channels_in: int = 2, width: int = 64) -> None:
        super().__init__()
        self.channels_in = channels_in

        def normed(narrow: int, wide: int, stride: int) -> list[nn.Module]:
            conv = nn.Conv2d(narrow, wide, 4, stride=stride, padding=1, bias=False)
            return [conv, nn.BatchNorm2d(wide), nn.LeakyReLU(0.2, inplace=True)]

        self.layers = nn.Sequential(
            nn.Conv2d(channels_in, width, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            *normed(width, 2 * width, 2),
            *normed(2 * width, 4 * width, 2),
            *normed(4 * width, 8 * width, 1),
            nn.Conv2d(8 * width, 1, 4, padding=1),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Judge; see the class for shapes."""
        if x.ndim != 4 or x.shape[1] != self.channels_in or min(x.shape[-2:]) < SMALLEST:
            raise ShapeError(
                f"(B, {self.channels_in}, H, W) with H and W at least {SMALLEST} is wanted, "
                f"got {tuple(x.shape)}; stack the sources and the image along C"
            )
        logits: Tensor = self.layers(x)
        return logits


def _initialise(module: nn.Module) -> None:
    """Draw convolutions from N(0, 0.02) and norms from N(1, 0.02), as pix2pix does."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
