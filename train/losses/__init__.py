"""Terms of a loss: tensors in, one number out that can be differentiated."""

from train.losses.adversarial import HINGES, hinge_adversary, hinge_generator
from train.losses.cycle import cycle, identity
from train.losses.voxel import voxel

__all__ = ["HINGES", "cycle", "hinge_adversary", "hinge_generator", "identity", "voxel"]
