"""Any generator without an adversary: what every GAN has to beat, and a hospital may prefer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.models import build
from engine.models.blocks import pyramid
from train.data import Batch
from train.losses import gradient_difference, marks_of, ssim, voxel
from train.systems.base import Choice, Learner, Levels, drawn_from, weighted
from train.systems.stepping import Stepping

__all__ = ["PRESETS", "Regression", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings(Stepping):
    """How a generator learns alone; see :class:`~train.systems.stepping.Stepping` for the rest.

    Parameters
    ----------
    voxel, structure, gradient : float
        Weights of the mean absolute difference, of 1 - SSIM and of the difference of steps from
        voxel to voxel; 0 leaves a term out.
    air, dense : float
        Weights of air and of bone within the voxel term (:func:`train.losses.marks_of`).
    window : int
        Of the SSIM, in voxels.
    pyramid : {"nearest", "average"}
        How targets come to coarser resolutions, for a network that makes several.
    """

    betas: tuple[float, ...] = (0.9, 0.999)
    voxel: float = 1.0
    structure: float = 0.0
    gradient: float = 0.0
    air: float = 1.0
    dense: float = 1.0
    window: int = 11
    pyramid: Literal["nearest", "average"] = "nearest"


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(),
    "robust": Settings(schedule="cosine", hold=0.0, average=0.999, clip=1.0, pyramid="average"),
}
"""``paper`` and ``robust`` as of the networks: the plain difference at a constant rate, and what
steadies it."""


class Regression(Learner):
    """Learn the mean absolute difference, and structure where it is asked for.

    The terms, for a generator that makes o of x where y is wanted::

        voxel mean |o - y| + structure (1 - SSIM(o, y)) + gradient mean ||d o| - |d y||

    A network that makes several resolutions pays the first for each of them, the others for the
    finest.

    Parameters
    ----------
    choice : Choice
        ``network`` is the backbone, with the preset and the sizes of the system that it is compared
        with, so both have the same generator.
    settings : Settings
        The preset with what the recipe changes.

    References
    ----------
    Wang et al. 2004 (SSIM). Mathieu et al. 2016, Eq. 6 (steps).
    """

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.onto = settings, choice.onto
        self.marks = marks_of(choice.window)
        with drawn_from(choice.seed):
            self.generator = build(choice.network, choice.preset, choice.sizes)
        taught = {"generator": (("generator",), settings.learning_rate)}
        super().__init__(choice, settings, {"generator": self.generator}, taught, "generator")

    def learn(self, batch: Batch, step: int) -> dict[str, float]:  # noqa: ARG002
        """See :class:`train.systems.base.Learner`."""
        settings = self.settings
        levels = self.run_levels(self.generator, batch.source)
        terms = {"voxel": self._voxel(levels, batch.target)}
        if settings.structure:
            span = self.onto[1] - self.onto[0]
            alike = ssim(levels[0], batch.target, span=span, window=settings.window)
            terms["structure"] = 1 - alike
        if settings.gradient:
            terms["gradient"] = gradient_difference(levels[0], batch.target)
        self.step_down(weighted(terms, settings), "generator")
        return {name: term.item() for name, term in terms.items()}

    def _voxel(self, levels: Levels, target: Tensor) -> Tensor:
        """Return the difference, summed over the levels that there are."""
        targets = (target,) if len(levels) == 1 else pyramid(target, self.settings.pyramid)
        air, dense = self.settings.air, self.settings.dense
        each = [
            voxel(made, wanted, air=air, dense=dense, onto=self.onto, marks=self.marks)
            for made, wanted in zip(levels, targets, strict=True)
        ]
        return torch.stack(each).sum()
