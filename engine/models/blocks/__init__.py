"""Parts that generators and their adversaries share: feature maps in, feature maps out."""

from engine.models.blocks.norm import SwitchNorm2d

__all__ = ["SwitchNorm2d"]
