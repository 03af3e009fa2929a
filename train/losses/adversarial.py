"""The hinge between a generator and its adversary."""

from typing import Literal

import torch
from torch import Tensor

from train.errors import RecipeInvalid

__all__ = ["HINGES", "Hinge", "hinge_adversary", "hinge_generator"]

Hinge = Literal["margin", "linear"]
HINGES: tuple[Hinge, ...] = ("margin", "linear")


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
