"""Networks that tell made images from real ones: images in, logits per patch out."""

from train.adversaries.patch2d import Patch2d

__all__ = ["Patch2d"]
