"""AGI-Net: a missing contrast from several that need not lie exactly on one another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from engine.errors import SpecError
from engine.models.blocks import GroupRolling
from engine.models.resunet import STAGES, ResUnet, ResUnetSizes, plain
from engine.models.sizes import refuse_misfits, sizes_of

__all__ = ["AgiNet", "AgiSizes", "build_agi_net"]


@dataclass(frozen=True, slots=True)
class AgiSizes:
    """What may differ from the paper's network.

    Parameters
    ----------
    channels_in : int
        Contrasts, stacked as channels: 2 in the paper.
    width : int
        Channels at full resolution, a multiple of ``groups``: 64 in the paper.
    groups : int
        Blocks of channels that roll together: 8 in the paper, which also tries 1, 2, 4 and 16.
    stages : tuple of str
        Where the first convolution of each block is replaced; of ``resunet.STAGES``.
    route_depth : int
        Routed convolutions: 2, as the paper's tables have it; 1 is what its text describes.
    level : bool
        Multiply every rolled convolution so that it starts as large as a plain one; without,
        attention and scale leave a third of it. False in the paper.
    """

    channels_in: int = 2
    width: int = 64
    groups: int = 8
    stages: tuple[str, ...] = STAGES[:5]
    route_depth: int = 2
    level: bool = False

    def __post_init__(self) -> None:
        seen: object = self.stages  # a recipe may hold anything
        if not isinstance(seen, tuple) or any(stage not in STAGES for stage in seen):
            raise SpecError(f"agi_net: stages is a list of {', '.join(STAGES)}; got {seen!r}")
        refuse_misfits("agi_net", self, {"stages": (self.stages,)})
        if self.width % self.groups:
            raise SpecError(
                f"agi_net: width is a multiple of groups; got {self.width} and {self.groups}"
            )


PRESETS = {"paper": AgiSizes(), "robust": AgiSizes(level=True)}


class AgiNet(ResUnet):
    """ResUnet with rolled convolutions: the first of each block in the named stages.

    19,152,272 parameters at the paper's sizes. Head, tail and what changes the resolution stay
    ordinary convolutions; the groups are groups of feature channels, not of contrasts. The kernel
    of a replaced convolution bears the same name as ResUnet's, so the weights of one fit the other.

    Parameters
    ----------
    sizes : AgiSizes
        Contrasts, width, groups and stages.

    Shapes
    ------
    x : (B, channels_in, H, W), intensities in [0, 1]; H and W multiples of 8
    return : (B, 1, H, W), unbounded: the caller clips to the range that it learned on

    References
    ----------
    "Cross Group Attention and Group-wise Rolling for Multimodal Medical Image Synthesis", Section
    3.3, Fig. 4, Table 2 (stages) and the table of group numbers. Where the module itself differs
    from the text: :mod:`engine.models.blocks.rolling`.
    """

    def __init__(self, sizes: AgiSizes) -> None:
        def first(stage: str, channels: int) -> nn.Module:
            if stage not in sizes.stages:
                return plain(stage, channels)
            return GroupRolling(
                channels, groups=sizes.groups, depth=sizes.route_depth, level=sizes.level
            )

        super().__init__(ResUnetSizes(sizes.channels_in, sizes.width), first)


def build_agi_net(preset: str, sizes: Mapping[str, Any]) -> AgiNet:
    """Return the generator.

    Raises
    ------
    SpecError
        When the preset is not ``paper`` or ``robust``, or a size is unknown.
    """
    if isinstance(stages := sizes.get("stages"), list):  # as JSON and TOML have it
        sizes = {**sizes, "stages": tuple(stages)}
    return AgiNet(sizes_of(AgiSizes, "agi_net", preset, PRESETS, sizes))
