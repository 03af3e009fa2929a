"""HLSNC-GAN: two generators, two adversaries, a hinge between them (Heng et al. 2024)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

from engine.models import build
from engine.models.blocks import SwitchNorm2d
from train.adversaries import Patch2d
from train.data import Batch
from train.errors import RecipeInvalid
from train.losses import (
    HINGES,
    cycle,
    hinge_adversary,
    hinge_generator,
    identity,
    voxel,
)
from train.losses.adversarial import Hinge
from train.systems.base import Choice, average_of, clipped, finite, follow, share_of_rate

__all__ = ["PRESETS", "HlsncGan", "Settings", "build_hlsnc_gan"]

Optimiser = Literal["rmsprop", "adam"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How HLSNC-GAN learns.

    Parameters
    ----------
    adversarial, cycle, identity : float
        Weights of the unpaired terms.
    voxel : float
        Weight of the paired term; 0 for unpaired sets.
    air, dense : float
        Weights of air and of bone within the paired term.
    unpaired_every : int
        Every how many updates the unpaired terms take part, and adversaries and the way back learn.
        They cost seven times the paired term; 1 is the paper.
    hinge : {"margin", "linear"}
        Of the generators.
    adversary_width : int
        Channels of the adversaries after their first layer.
    optimiser : {"rmsprop", "adam"}
        RMSprop as published; Adam with betas 0.5 and 0.999.
    learning_rate : float
        At the start.
    hold : float
        Share of the updates before the rate declines to 0; 1 for never.
    average : float
        Share of the old in the running average of the weights that are served; 0 for none.
    clip : float
        Longest gradient; 0 for any.
    """

    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    voxel: float = 0.0
    air: float = 1.0
    dense: float = 1.0
    unpaired_every: int = 1
    hinge: Hinge = "margin"
    adversary_width: int = 64
    optimiser: Optimiser = "rmsprop"
    learning_rate: float = 2e-4
    hold: float = 1.0
    average: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        if self.hinge not in HINGES or self.optimiser not in ("rmsprop", "adam"):
            seen = f"hinge '{self.hinge}', optimiser '{self.optimiser}'"
            raise RecipeInvalid(f"{seen}: wanted are margin or linear, rmsprop or adam")
        weights = (self.adversarial, self.cycle, self.identity, self.voxel, self.air, self.dense)
        if min(*weights, self.clip) < 0 or self.unpaired_every < 1 or self.learning_rate <= 0:
            raise RecipeInvalid("weights and clip are 0 or more, unpaired_every 1, a rate above 0")
        if not 0 <= self.average < 1 or not 0 <= self.hold <= 1:
            raise RecipeInvalid("average lies from 0 to below 1, hold from 0 to 1")


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(),
    "robust": Settings(optimiser="adam", hold=0.5, average=0.999, clip=1.0),
}
"""``paper``: weights 10 and 5 are CycleGAN's, where the paper prints 0.01 for all; batch 1,
RMSprop at 2e-4, no schedule (Section IV-D). ``robust``: what usually steadies it."""


class HlsncGan:
    """Learn MR to CT, forth and back.

    The terms, with G to CT and F to MR::

        adversaries  1/2 [hinge(D_ct) + hinge(D_mr)]                                 Eq. 5
        generators   adversarial [L(G) + L(F)] + cycle Eq. 3 + identity Eq. 4        Eq. 6, 7
                     + voxel [mean |G(mr) - ct| + mean |F(ct) - mr|]                 ours

    Adversaries learn first, then generators, in every update (Section III-E).

    Parameters
    ----------
    choice : Choice
        Preset, sizes and seed.
    settings : Settings
        The preset with what the recipe changes.

    References
    ----------
    Heng et al. 2024. Rulings: docs/adr/0006.
    """

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.steps = settings, choice.steps
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(choice.seed)
            self.to_ct = build("hlsnc_gan", choice.preset, choice.sizes)
            self.to_mr = build("hlsnc_gan", choice.preset, choice.sizes)
            self.judge_ct = Patch2d(width=settings.adversary_width)
            self.judge_mr = Patch2d(width=settings.adversary_width)
        self.networks: dict[str, nn.Module] = {
            "to_ct": self.to_ct,
            "to_mr": self.to_mr,
            "judge_ct": self.judge_ct,
            "judge_mr": self.judge_mr,
        }
        self.served = "to_ct"
        if settings.average:
            self.networks["average"], self.served = average_of(self.to_ct), "average"
        self.optimisers = {
            "to_ct": _optimiser(settings, [self.to_ct]),
            "to_mr": _optimiser(settings, [self.to_mr]),
            "judges": _optimiser(settings, [self.judge_ct, self.judge_mr]),
        }

    def update(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.System`."""
        share = share_of_rate(step, steps=self.steps, hold=self.settings.hold)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = self.settings.learning_rate * share
        unpaired = step % self.settings.unpaired_every == 0
        losses = self._all_terms(batch) if unpaired else self._paired_alone(batch)
        if self.settings.average:
            keep = min(self.settings.average, (step + 1) / (step + 10))  # soon rid of the start
            follow(self.networks["average"], self.to_ct, keep=keep)
        return finite(losses, step)

    def _paired_alone(self, batch: Batch) -> dict[str, float]:
        paired = self._voxel(self.to_ct(batch.source), batch.target)
        self._learn(self.settings.voxel * paired, ("to_ct",))
        return {"voxel": paired.item()}

    def _all_terms(self, batch: Batch) -> dict[str, float]:
        mr, ct = batch.source, batch.target
        made_ct, made_mr = self.to_ct(mr), self.to_mr(ct)
        judged = hinge_adversary(self.judge_ct(ct), self.judge_ct(made_ct.detach()))
        judged = judged + hinge_adversary(self.judge_mr(mr), self.judge_mr(made_mr.detach()))
        self._learn(judged / 2, ("judges",))
        terms = self.generator_terms(batch, made_ct, made_mr)
        weights = self.settings
        total = weights.adversarial * terms["adversarial"] + weights.voxel * terms["voxel_both"]
        total = total + weights.cycle * terms["cycle"] + weights.identity * terms["identity"]
        self._learn(total, ("to_ct", "to_mr"))
        return {"adversary": judged.item() / 2, **{k: v.item() for k, v in terms.items()}}

    def generator_terms(self, batch: Batch, made_ct: Tensor, made_mr: Tensor) -> dict[str, Tensor]:
        """Return the generators' terms, unweighted.

        Parameters
        ----------
        made_ct, made_mr : (B, 1, H, W)
            ``G(mr)`` and ``F(ct)``, with their gradients.
        """
        mr, ct, hinge = batch.source, batch.target, self.settings.hinge
        with _fixed(self.judge_ct), _fixed(self.judge_mr):
            against = hinge_generator(self.judge_ct(made_ct), hinge)
            against = against + hinge_generator(self.judge_mr(made_mr), hinge)
        with _unseen(self.to_ct), _unseen(self.to_mr):
            there_and_back = cycle(mr, self.to_mr(made_ct), ct, self.to_ct(made_mr))
            kept = identity(mr, self.to_mr(mr), ct, self.to_ct(ct))
        there = self._voxel(made_ct, ct)
        return {
            "adversarial": against,
            "cycle": there_and_back,
            "identity": kept,
            "voxel": there.detach(),
            "voxel_both": there + voxel(made_mr, mr),
        }

    def _voxel(self, made: Tensor, target: Tensor) -> Tensor:
        return voxel(made, target, air=self.settings.air, dense=self.settings.dense)

    def _learn(self, loss: Tensor, names: tuple[str, ...]) -> None:
        """One step of the named optimisers down the gradient of ``loss``."""
        optimisers = [self.optimisers[name] for name in names]
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers:
            clipped(
                chain(*(group["params"] for group in optimiser.param_groups)), self.settings.clip
            )
            optimiser.step()


@contextmanager
def _fixed(network: nn.Module) -> Iterator[None]:
    """Let gradients through ``network`` and none into it."""
    for parameter in network.parameters():
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in network.parameters():
            parameter.requires_grad = True


@contextmanager
def _unseen(network: nn.Module) -> Iterator[None]:
    """Keep what passes out of the running averages: they are for images of the source's kind."""
    norms = [module for module in network.modules() if isinstance(module, SwitchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def _optimiser(settings: Settings, networks: list[nn.Module]) -> torch.optim.Optimizer:
    parameters = list(chain(*(network.parameters() for network in networks)))
    if settings.optimiser == "adam":
        return torch.optim.Adam(parameters, lr=settings.learning_rate, betas=(0.5, 0.999))
    return torch.optim.RMSprop(parameters, lr=settings.learning_rate, alpha=0.9, eps=1e-8)


def build_hlsnc_gan(choice: Choice) -> HlsncGan:
    """Return the system of ``choice``.

    Raises
    ------
    RecipeInvalid
        When the preset or a setting is unknown.
    """
    if choice.preset not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise RecipeInvalid(f"hlsnc_gan has no preset '{choice.preset}'; known: {known}")
    names = {field.name for field in fields(Settings)}
    if unknown := sorted(set(choice.settings) - names):
        known = ", ".join(sorted(names))
        raise RecipeInvalid(f"hlsnc_gan has no setting '{unknown[0]}'; known: {known}")
    return HlsncGan(choice, replace(PRESETS[choice.preset], **choice.settings))
