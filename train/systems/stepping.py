"""How weights move, whatever the losses are: optimiser, schedule, averaging."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import torch
from torch import nn

from train.errors import RecipeInvalid

__all__ = ["Stepping", "optimiser_of", "settings_of", "share_of_rate"]

S = TypeVar("S", bound="Stepping")


@dataclass(frozen=True, slots=True)
class Stepping:
    """What every system can be told of its steps; each adds the weights of its own terms.

    Parameters
    ----------
    learning_rate : float
        At the start.
    adversary_rate : float
        Of the adversaries at the start; 0 for the same.
    optimiser : {"adam", "rmsprop"}
        RMSprop forgets a tenth of the squares in every update.
    betas : (float, float)
        Of Adam.
    schedule : {"constant", "linear", "cosine", "multistep"}
        Of all rates: see :func:`share_of_rate`.
    hold : float
        Share of the updates before ``linear`` and ``cosine`` begin to decline to 0.
    milestones : tuple of float
        Shares of the updates at which ``multistep`` multiplies the rate by ``factor``.
    factor : float
        See ``milestones``.
    average : float
        Share of the old in the running average of the weights that are served; 0 for none.
    clip : float
        Longest gradient; 0 for any.

    Raises
    ------
    RecipeInvalid
        When a value is out of range. In all systems numbers are 0 or more and counts 1 or more.
    """

    learning_rate: float = 2e-4
    adversary_rate: float = 0.0
    optimiser: Literal["adam", "rmsprop"] = "adam"
    betas: tuple[float, ...] = (0.5, 0.999)
    schedule: Literal["constant", "linear", "cosine", "multistep"] = "constant"
    hold: float = 0.5
    milestones: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    factor: float = 0.5
    average: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            value = getattr(self, name)
            if get_origin(hint) is Literal and value not in get_args(hint):
                known = ", ".join(str(one) for one in get_args(hint))
                raise RecipeInvalid(f"{name} '{value}' is unknown; wanted is one of {known}")
            if hint is float and not 0 <= value < math.inf:
                raise RecipeInvalid(f"{name} = {value}; a number of 0 or more is wanted")
            if hint is int and value < 1:
                raise RecipeInvalid(f"{name} = {value}; a count of 1 or more is wanted")
        if self.learning_rate == 0 or not self.average < 1 or not self.hold <= 1:
            text = f"{self.learning_rate}, {self.average}, {self.hold}; a rate above 0, an average "
            raise RecipeInvalid(f"learning_rate, average, hold = {text}below 1, a hold up to 1")
        if len(self.betas) != 2 or not all(0 <= one < 1 for one in self.betas):
            raise RecipeInvalid(f"betas = {self.betas}; two numbers from 0 to below 1 are wanted")


def settings_of(name: str, preset: S, changes: Mapping[str, Any]) -> S:
    """Return ``preset`` with what a recipe changes.

    Parameters
    ----------
    name : str
        Of the system, for messages.
    changes : mapping
        As TOML gives them: lists for tuples, whole numbers where a float is wanted.

    Raises
    ------
    RecipeInvalid
        When a setting is unknown, of another type or out of range.
    """
    hints = get_type_hints(type(preset))
    if unknown := sorted(set(changes) - set(hints)):
        known = ", ".join(sorted(one.name for one in fields(preset)))
        raise RecipeInvalid(f"{name} has no setting '{unknown[0]}'; known: {known}")
    typed = {key: _typed(value, hints[key], f"{name}: {key}") for key, value in changes.items()}
    return replace(preset, **typed)


def _typed(value: Any, hint: Any, where: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        return tuple(_typed(one, float, where) for one in value)
    wanted = {Literal: str, tuple: tuple}.get(get_origin(hint), hint)
    if type(value) is not wanted:
        kind = "list of numbers" if wanted is tuple else wanted.__name__
        raise RecipeInvalid(f"{where} = {value!r}; a {kind} is wanted")
    return value


def share_of_rate(settings: Stepping, step: int, steps: int) -> float:
    """Return the share of the learning rate at ``step`` of ``steps``.

    ``linear`` and ``cosine`` hold 1 for ``hold`` of all steps, then decline to 0; ``multistep``
    multiplies by ``factor`` at every milestone.
    """
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "multistep":
        passed = sum(step >= share * steps for share in settings.milestones)
        return float(settings.factor**passed)
    first = settings.hold * steps
    if step < first:
        return 1.0
    left = max(0.0, (steps - step) / max(1.0, steps - first))
    return left if settings.schedule == "linear" else (1 - math.cos(math.pi * left)) / 2


def optimiser_of(
    settings: Stepping, parameters: Iterable[nn.Parameter], *, rate: float
) -> torch.optim.Optimizer:
    """Return the optimiser that ``settings`` ask for."""
    if settings.optimiser == "adam":
        first, second = settings.betas
        return torch.optim.Adam(parameters, lr=rate, betas=(first, second))
    return torch.optim.RMSprop(parameters, lr=rate, alpha=0.9, eps=1e-8)
