"""What a generator and its adversary pay: cross-entropy, relativistic cross-entropy, hinge.

Logits come as one tensor per level, so that judges of one and of many resolutions pay alike: the
levels add up. An adversary's loss is half the sum over real and made images.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from train.errors import RecipeInvalid

__all__ = [
    "HINGES",
    "Form",
    "Hinge",
    "adversary_loss",
    "generator_loss",
    "gradient_penalty",
    "hinge_adversary",
    "hinge_generator",
    "minimax_generator",
]

Form = Literal["entropy", "hinge", "relativistic"]
Hinge = Literal["margin", "linear"]
HINGES: tuple[Hinge, ...] = ("margin", "linear")


def adversary_loss(real: Sequence[Tensor], made: Sequence[Tensor], form: Form) -> Tensor:
    """Return what the adversary minimises, half of each kind, summed over levels.

    ``entropy`` is ``1/2 [BCE(D(real), 1) + BCE(D(made), 0)]``; ``relativistic`` asks by how much
    real looks realer than made does on average, ``1/2 [BCE(D(real) - E D(made), 1) + BCE(D(made) -
    E D(real), 0)]``; ``hinge`` is half of :func:`hinge_adversary`.

    Parameters
    ----------
    real, made : sequence of Tensor
        Logits, level by level; ``made`` comes from detached images.

    References
    ----------
    Goodfellow et al. 2014, Eq. 1 (entropy). Jolicoeur-Martineau 2019, ICLR (relativistic average).
    Zhu and Wang 2025 (CALF-GAN), Eq. 7; Ha et al. 2025 (3D-mDAUNet), Eq. 1, whose missing half is
    that of its authors' trainer.
    """
    total = torch.zeros((), device=real[0].device)
    for here, there in zip(real, made, strict=True):
        if form == "hinge":
            total = total + hinge_adversary(here, there) / 2
        elif form == "relativistic":
            total = total + _rivalry(here, there)
        else:
            total = total + (_entropy(here, 1.0) + _entropy(there, 0.0)) / 2
    return total


def generator_loss(made: Sequence[Tensor], form: Form, real: Sequence[Tensor] = ()) -> Tensor:
    """Return what the generator minimises, summed over levels.

    ``entropy`` is ``BCE(D(made), 1)``, ``hinge`` is ``-mean D(made)``, and ``relativistic`` is the
    adversary's own with the parts exchanged. There, made images stand in both halves: a real one
    beats them on average, or does not. A trainer that passes them where the real ones belong, and
    detaches those, leaves the generator no gradient.

    Parameters
    ----------
    made : sequence of Tensor
        Logits of the adversary for what the generator made, with their gradients.
    real : sequence of Tensor
        Logits for real images, without gradients; only ``relativistic`` asks for them.

    References
    ----------
    Zhu and Wang 2025, Eq. 8 (entropy); Ha et al. 2025, Eq. 5 (relativistic).
    """
    total = torch.zeros((), device=made[0].device)
    for index, here in enumerate(made):
        if form == "hinge":
            total = total + hinge_generator(here, "linear")
        elif form == "relativistic":
            total = total + _rivalry(here, real[index])
        else:
            total = total + _entropy(here, 1.0)
    return total


def gradient_penalty(logits: Sequence[Tensor], image: Tensor) -> Tensor:
    """Return half the squared slope of the adversary's score of real images, R1 for short.

    The score of an image is the mean of its logits, of all levels together, so the penalty does not
    grow with the number of patches.

    Parameters
    ----------
    logits : sequence of (B, 1, ...)
        Of real images.
    image : (B, C, ...)
        The real images themselves, a leaf that requires a gradient.

    References
    ----------
    Mescheder et al. 2018, ICML, Eq. 9; at every 16th update as in Karras et al. 2020, CVPR.
    """
    score = torch.stack([one.flatten(1).mean(dim=1) for one in logits]).sum()
    (slope,) = torch.autograd.grad(score, image, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean() / 2


def hinge_adversary(real: Tensor, made: Tensor) -> Tensor:
    """Return what the adversary minimises: ``mean max(0, 1 - D(real)) + mean max(0, 1 + D(made))``.

    Parameters
    ----------
    real, made : Tensor
        Logits of any shape, one per patch; ``made`` comes from detached images.

    References
    ----------
    Heng et al. 2024, Eq. 5.
    """
    return torch.relu(1 - real).mean() + torch.relu(1 + made).mean()


def hinge_generator(made: Tensor, hinge: Hinge = "margin") -> Tensor:
    """Return what the generator minimises.

    Parameters
    ----------
    made : Tensor
        Logits of the adversary for what the generator made.
    hinge : {"margin", "linear"}
        ``mean max(0, 1 - D)``, as the paper has it, or ``-mean D``, as is usual.

    Raises
    ------
    RecipeInvalid
        When ``hinge`` is neither.

    References
    ----------
    Heng et al. 2024, Eq. 6. Lim and Ye 2017, arXiv:1705.02894 (linear).
    """
    if hinge == "margin":
        return torch.relu(1 - made).mean()
    if hinge == "linear":
        return -made.mean()
    raise RecipeInvalid(f"hinge = '{hinge}': one of {', '.join(HINGES)} is wanted")


def minimax_generator(made: Tensor) -> Tensor:
    """Return ``mean log(1 - D(made))``, D being the sigmoid of the logits, as first printed.

    It has no floor, and next to no slope where the adversary is sure: for study.

    References
    ----------
    Heng et al. 2024, Eq. 1 and 2, second term.
    """
    return logsigmoid(-made).mean()


def _rivalry(better: Tensor, worse: Tensor) -> Tensor:
    """Half the entropy of ``better`` beating the mean ``worse``, and ``worse`` losing to it."""
    wins, loses = better - worse.mean(), worse - better.mean()
    return (_entropy(wins, 1.0) + _entropy(loses, 0.0)) / 2


def _entropy(logits: Tensor, truth: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
