"""Terms of a loss: tensors in, one number out that can be differentiated."""

from train.losses.adversarial import (
    HINGES,
    Form,
    Hinge,
    adversary_loss,
    generator_loss,
    gradient_penalty,
    hinge_adversary,
    hinge_generator,
    minimax_generator,
)
from train.losses.cycle import cycle, identity
from train.losses.latent import Angle, feature, orthogonal
from train.losses.perceptual import Vgg19, perceptual
from train.losses.structure import MS_SSIM_WEIGHTS, gradient_difference, ms_ssim, ssim
from train.losses.voxel import SHARES, marks_of, voxel

__all__ = [
    "HINGES",
    "MS_SSIM_WEIGHTS",
    "SHARES",
    "Angle",
    "Form",
    "Hinge",
    "Vgg19",
    "adversary_loss",
    "cycle",
    "feature",
    "generator_loss",
    "gradient_difference",
    "gradient_penalty",
    "hinge_adversary",
    "hinge_generator",
    "identity",
    "marks_of",
    "minimax_generator",
    "ms_ssim",
    "orthogonal",
    "perceptual",
    "ssim",
    "voxel",
]
