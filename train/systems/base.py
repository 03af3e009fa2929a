"""What every system has, and what several share."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import nn

from train.data import Batch
from train.errors import NotFinite

__all__ = ["Choice", "System", "average_of", "clipped", "finite", "follow", "share_of_rate"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which system to learn, and how it differs from its preset.

    Parameters
    ----------
    name : str
        A key of :mod:`train.systems`.
    preset : str
        ``paper`` or ``robust``.
    steps : int
        How many updates there will be: schedules count on it.
    seed : int
        Of the first weights.
    sizes : mapping
        Of the generator, as :func:`engine.models.build` takes them.
    settings : mapping
        What differs from the preset.
    """

    name: str
    preset: str
    steps: int
    seed: int
    sizes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


class System(Protocol):
    """Networks that learn together.

    Networks and optimisers are all there is to remember between updates.
    """

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Every network by name."""

    @property
    def optimisers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Every optimiser by name."""

    @property
    def served(self) -> str:
        """Name of the network that the node will run."""

    def update(self, batch: Batch, step: int) -> dict[str, float]:
        """Learn from one batch; return every loss by name.

        Raises
        ------
        NotFinite
            When a loss is no number.
        """


def average_of(network: nn.Module) -> nn.Module:
    """Return a copy of ``network`` to hold the running average of its weights."""
    average = copy.deepcopy(network).eval()
    for parameter in average.parameters():
        parameter.requires_grad = False
    return average


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, keep: float) -> None:
    """Move ``average`` towards ``network``: ``keep`` of the old, the rest of the new.

    Running statistics move too: they belong to the weights that they were seen with.
    """
    new = network.state_dict()
    for name, old in average.state_dict().items():
        old.lerp_(new[name], 1 - keep)


def share_of_rate(step: int, *, steps: int, hold: float) -> float:
    """Return the share of the learning rate at ``step``: 1, then down to 0 in a straight line.

    Parameters
    ----------
    hold : float
        Share of all steps before the decline; 1 for no decline.
    """
    first = hold * steps
    return 1.0 if step < first else max(0.0, (steps - step) / max(1.0, steps - first))


def clipped(parameters: Iterable[nn.Parameter], norm: float) -> None:
    """Shorten the gradient to ``norm`` at most; 0 leaves it."""
    if norm > 0:
        torch.nn.utils.clip_grad_norm_(parameters, norm)


def finite(losses: Mapping[str, float], step: int) -> dict[str, float]:
    """Return ``losses``, refusing what is no number.

    Raises
    ------
    NotFinite
        Naming the loss and the step.
    """
    for name, value in losses.items():
        if not torch.isfinite(torch.tensor(value)):
            text = f"loss '{name}' is {value} at step {step}; lower learning_rate or set clip"
            raise NotFinite(text)
    return dict(losses)
