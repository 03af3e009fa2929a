"""Parts that generators and their adversaries share: feature maps in, feature maps out."""

from engine.models.blocks.attention import (
    ChannelAttention3d,
    ConvBlockAttention3d,
    SelfAttention3d,
)
from engine.models.blocks.dense import DenseBlock3d, NestedDense3d
from engine.models.blocks.multi_conv_former import MultiConvFormer
from engine.models.blocks.norm import SwitchNorm2d
from engine.models.blocks.pyramid import COARSEST, LEVELS, PYRAMIDS, PyramidUNet3d, pyramid
from engine.models.blocks.rolling import GroupRolling
from engine.models.blocks.spectral import SpectralConv3d, plain_weights

__all__ = [
    "COARSEST",
    "LEVELS",
    "PYRAMIDS",
    "ChannelAttention3d",
    "ConvBlockAttention3d",
    "DenseBlock3d",
    "GroupRolling",
    "MultiConvFormer",
    "NestedDense3d",
    "PyramidUNet3d",
    "SelfAttention3d",
    "SpectralConv3d",
    "SwitchNorm2d",
    "plain_weights",
    "pyramid",
]
