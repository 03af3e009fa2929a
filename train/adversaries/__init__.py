"""Networks that tell made images from real ones: images in, logits out, per patch or voxel."""

from train.adversaries.multires3d import MultiResolution3d
from train.adversaries.patch2d import Patch2d
from train.adversaries.patchgan2d import PatchGan2d
from train.adversaries.volume3d import Volume3d

__all__ = ["MultiResolution3d", "Patch2d", "PatchGan2d", "Volume3d"]
