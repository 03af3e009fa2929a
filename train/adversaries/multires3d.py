"""A judge of every voxel of a volume, at four resolutions at once."""

from collections.abc import Sequence

from torch import Tensor, nn

from engine.errors import ShapeError
from engine.models.blocks import COARSEST, LEVELS, PyramidUNet3d, SpectralConv3d

__all__ = ["MultiResolution3d"]


class MultiResolution3d(nn.Module):
    """Say of each voxel whether it is real, at every resolution: a U-Net.

    395,020 parameters and 16.7 G multiplications per 96 × 96 × 96 at the paper's sizes. The
    paper gives neither layers nor count. Ruling: the generator's levels without dense blocks and
    attention, all kernels 3 × 3 × 3 of spectral norm 1, LeakyReLU 0.2 after each but stems and
    logits. "Spectral normalisation after each activation" (Section 3.2) cannot be meant: it is a
    norm of kernels. It sees the target contrast alone, as the code of the paper's authors has it.

    Parameters
    ----------
    width : int
        Channels at full resolution: 8 in the paper.
    convolutions : int
        Per block: 2.
    multi : bool
        False: the finest level alone is seen and judged.

    Shapes
    ------
    pyramid : 4 tensors (1 suffices without ``multi``), (B, 1, D / 2^l, H / 2^l, W / 2^l);
        D, H and W multiples of 8
    return : as many logits of the same shapes; 1 without ``multi``

    A real volume is brought to the four resolutions by
    :func:`engine.models.blocks.pyramid`, a made one is the generator's four images.

    References
    ----------
    Ha et al. (3D-mDAUNet), Section 3.2. Schönfeld et al. 2020 (U-Net discriminator).
    """

    def __init__(self, *, width: int = 8, convolutions: int = 2, multi: bool = True) -> None:
        super().__init__()
        self.shown = LEVELS if multi else 1

        def block(seen: int, made: int) -> nn.Module:
            layers: list[nn.Module] = []
            for channels in [seen] + [made] * (convolutions - 1):
                layers += [SpectralConv3d(channels, made), nn.LeakyReLU(0.2, inplace=True)]
            return nn.Sequential(*layers)

        self.levels = PyramidUNet3d(
            width,
            multi=multi,
            stem=lambda made: SpectralConv3d(1, made),
            encoder=block,
            decoder=block,
        )
        self.logits = nn.ModuleList(SpectralConv3d(width * 2**k, 1) for k in range(self.shown))

    def forward(self, pyramid: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Judge; see the class for shapes."""
        shown = tuple(pyramid)[: self.shown]
        _refuse_misfits(shown, self.shown)
        features = self.levels(shown)
        return tuple(logits(level) for logits, level in zip(self.logits, features, strict=False))


def _refuse_misfits(shown: Sequence[Tensor], levels: int) -> None:
    seen = [tuple(level.shape) for level in shown]
    first = seen[0] if seen else ()
    wanted = [(*first[:2], *(side // 2**level for side in first[2:])) for level in range(levels)]
    halved = len(first) == 5 and not any(side % COARSEST for side in first[2:])
    if not halved or first[1] != 1 or seen != wanted:
        raise ShapeError(
            f"{levels} volumes (B, 1, D, H, W) are wanted, each half of the one before, the first "
            f"with sides that are multiples of {COARSEST}; got {seen}; draw patches of such sides"
        )
