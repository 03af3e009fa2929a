"""What every system has, and the steps that all of them take alike."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from engine.models.blocks import SwitchNorm2d
from train.data import Batch
from train.errors import NotFinite
from train.processes import average_gradients
from train.systems.stepping import Stepping, optimiser_of, share_of_rate

__all__ = [
    "PRECISIONS",
    "RANGES",
    "Choice",
    "Learner",
    "Levels",
    "System",
    "average_of",
    "drawn_from",
    "finite",
    "fixed",
    "follow",
    "unseen",
    "weighted",
]

Levels = tuple[Tensor, ...]
"""What a network makes, finest first; of most networks there is one."""
PRECISIONS = ("fp32", "bf16")
RANGES: Mapping[str, tuple[float, float]] = {
    "agi_net": (0.0, 1.0),
    "calf_gan": (-1.0, 1.0),
    "hlsnc_gan": (-1.0, 1.0),
    "mdaunet3d": (0.0, 1.0),
    "pcsa_gan": (0.0, 1.0),
    "resunet": (0.0, 1.0),
}
"""What each network takes and makes: images are brought onto it before they are learned from."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which system to learn, and how it differs from its preset.

    Parameters
    ----------
    name : str
        A key of :mod:`train.systems`.
    preset : str
        ``paper`` or ``robust``; ``hlsnc_gan`` has ``literal`` too.
    steps : int
        How many updates there will be: schedules count on it.
    seed : int
        Of the first weights.
    sizes : mapping
        Of the generator, as :func:`engine.models.build` takes them.
    settings : mapping
        What differs from the preset.
    network : str
        A key of :mod:`engine.models`; empty for the one called as the system is.
    precision : {"fp32", "bf16"}
        Of what networks compute; losses are fp32 in either.
    window : (low, high), optional
        What the network's range stands for, where that is Hounsfield units; it tells voxel terms
        where air ends and bone begins (:func:`train.losses.marks_of`).
    """

    name: str
    preset: str
    steps: int
    seed: int
    sizes: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    network: str = ""
    precision: str = "fp32"
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.network or self.name)

    @property
    def onto(self) -> tuple[float, float]:
        """What the network takes and makes; CALF-GAN may be built for another range."""
        return (0.0, 1.0) if self.sizes.get("range") == "unit" else RANGES[self.network]


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

    @property
    def latest(self) -> str:
        """Name of the network that learns what is served; the same where nothing is averaged."""

    def update(self, batch: Batch, step: int) -> dict[str, float]:
        """Learn from one batch; return every loss by name.

        Raises
        ------
        NotFinite
            When a loss is no number.
        """


class Learner(ABC):
    """A system but for its losses: it sets rates, steps, averages and looks at what came out.

    Parameters
    ----------
    choice : Choice
        How many updates there will be.
    settings : Stepping
        How to take them.
    networks : mapping
        By name; their weights are drawn.
    taught : mapping
        Which networks each optimiser moves, by its name, and at what rate.
    served : str
        Which network the node will run; its running average instead, where there is one.
    """

    def __init__(
        self,
        choice: Choice,
        settings: Stepping,
        networks: Mapping[str, nn.Module],
        taught: Mapping[str, tuple[tuple[str, ...], float]],
        served: str,
    ) -> None:
        self.stepping, self.steps, self.precision = settings, choice.steps, choice.precision
        self.networks: dict[str, nn.Module] = dict(networks)
        self.rates = {name: rate for name, (_, rate) in taught.items()}
        self.optimisers = {
            name: optimiser_of(
                settings, chain(*(networks[one].parameters() for one in names)), rate=rate
            )
            for name, (names, rate) in taught.items()
        }
        self.latest = self.served = served
        if settings.average:
            self.networks["average"], self.served = average_of(networks[served]), "average"

    @abstractmethod
    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """Move every network by the losses of one batch; return them."""

    def update(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`System`."""
        share = share_of_rate(self.stepping, step, self.steps)
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = self.rates[name] * share
        losses = self.learn(batch, step)
        if self.stepping.average:
            keep = min(self.stepping.average, (step + 1) / (step + 10))  # soon rid of the start
            follow(self.networks["average"], self.networks[self.latest], keep=keep)
        return finite(losses, step)

    def run(self, network: Callable[..., Any], *inputs: Any) -> Tensor:
        """Return what ``network`` makes of ``inputs``, in fp32; of several levels the finest."""
        return self.run_levels(network, *inputs)[0]

    def run_levels(self, network: Callable[..., Any], *inputs: Any) -> Levels:
        """Return all that ``network`` makes of ``inputs``, computed as asked for, in fp32."""
        kind = next(self.networks[self.latest].parameters()).device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bf16"):
            made = network(*inputs)
        return tuple(one.float() for one in (made if isinstance(made, tuple) else (made,)))

    def step_down(self, loss: Tensor, *names: str) -> None:
        """Take one step of the named optimisers down the gradient of ``loss``."""
        optimisers = [self.optimisers[name] for name in names]
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            moved = list(chain(*(group["params"] for group in optimiser.param_groups)))
            average_gradients(moved)
            _clip(moved, self.stepping.clip)
            optimiser.step()


def average_of(network: nn.Module) -> nn.Module:
    """Return a copy of ``network`` to hold the running average of its weights."""
    average = copy.deepcopy(network).eval()
    for parameter in average.parameters():
        parameter.requires_grad = False
    return average


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, keep: float) -> None:
    """Move ``average`` towards ``network``: ``keep`` of the old, the rest of the new.

    Running statistics move too: they belong to the weights that they were seen with. Counts are
    copied.
    """
    new = network.state_dict()
    for name, old in average.state_dict().items():
        if old.is_floating_point():
            old.lerp_(new[name], 1 - keep)
        else:
            old.copy_(new[name])


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Draw what is drawn within from ``seed``, and leave the rest of the world its own chance."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def fixed(network: nn.Module) -> Iterator[None]:
    """Let gradients through ``network`` and none into it."""
    for parameter in network.parameters():
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in network.parameters():
            parameter.requires_grad = True


@contextmanager
def unseen(network: nn.Module) -> Iterator[None]:
    """Keep what passes out of the running averages: they are for images of the source's kind."""
    norms = [one for one in network.modules() if isinstance(one, SwitchNorm2d | nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


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


def weighted(terms: Mapping[str, Tensor], settings: object) -> Tensor:
    """Return the sum of ``terms``, each times the setting of its name."""
    return torch.stack([getattr(settings, name) * term for name, term in terms.items()]).sum()


def _clip(parameters: Iterable[nn.Parameter], norm: float) -> None:
    """Shorten the gradient to ``norm`` at most; 0 leaves it."""
    if norm > 0:
        torch.nn.utils.clip_grad_norm_(parameters, norm)
