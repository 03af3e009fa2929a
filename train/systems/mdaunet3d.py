"""3D-mDAUNet: volumes at four resolutions, each judged voxel by voxel (Ha et al. 2025)."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from engine.models.blocks import LEVELS, pyramid
from train.adversaries import MultiResolution3d
from train.data import Batch
from train.losses import Form, Vgg19, marks_of, perceptual, voxel
from train.systems.base import Choice, Levels, weighted
from train.systems.gan import Gan, GanSettings

__all__ = ["PRESETS", "MdaUnet3d", "Settings"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings(GanSettings):
    """How 3D-mDAUNet learns; see :class:`~train.systems.gan.GanSettings` for the rest.

    Parameters
    ----------
    voxel, perceptual : float
        Weights of Eq. 3 and 4.
    vgg : str
        File with the weights of VGG-19, see :mod:`train.losses.perceptual`; empty leaves the
        perceptual term out.
    perceptual_share : float
        Of the slices of each view that it looks at, other ones in every update.
    pyramid : {"nearest", "average"}
        How targets come to coarser resolutions, for the voxel term and for the adversary alike.
    multi_resolution : bool
        False: the adversary sees the finest level alone. The paper's ablation.
    air, dense : float
        Weights of air and of bone within the voxel term (:func:`train.losses.marks_of`).
    """

    learning_rate: float = 1e-4
    betas: tuple[float, ...] = (0.9, 0.999)
    schedule: Literal["constant", "linear", "cosine", "multistep"] = "multistep"
    adversarial: float = 1e-4
    form: Form = "relativistic"
    adversary_width: int = 8
    voxel: float = 1.0
    perceptual: float = 1.0
    vgg: str = ""
    perceptual_share: float = 1.0
    pyramid: Literal["nearest", "average"] = "nearest"
    multi_resolution: bool = True
    air: float = 1.0
    dense: float = 1.0


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(),
    "robust": Settings(
        average=0.999,
        clip=1.0,
        r1=10.0,
        perceptual_share=0.25,
        pyramid="average",
        air=0.1,
        dense=2.0,
    ),
}
"""``paper``: Adam at 1e-4 (Section 4.1), its rate halved after each fifth of the updates, and betas
as the code of its authors has them; weights 1, 1 and 1e-4 (below Eq. 2). ``robust``: what steadies
it, means of eight voxels for every second one, and air that counts a tenth, bone twice."""


class MdaUnet3d(Gan):
    """Learn a volume from another, at four resolutions at once.

    The terms, with o_l the generator's level l, y_l the target at that resolution, R_l and F_l the
    adversary's logits for real and made volumes, E the mean over voxels and batch::

        adversary  sum_l 1/2 [BCE(R_l - E F_l, 1) + BCE(F_l - E R_l, 0)]     Eq. 1
        generator  voxel sum_l mean |o_l - y_l|                              Eq. 3
                   + perceptual mean over views |VGG(o_0) - VGG(y)|          Eq. 4
                   + adversarial sum_l 1/2 [BCE(F_l - E R_l, 1)
                                            + BCE(R_l - E F_l, 0)]           Eq. 5

    Rulings. Both halves of Eq. 5 have a gradient here; the released trainer detaches the made
    volumes there, and so its generator learns nothing from the adversary. Images are not clipped
    before the losses, since a clipped voxel learns nothing. One operator makes all pyramids of the
    target. The factor 1/2 is the released trainer's. fp16 is not offered; bf16 is.

    Parameters
    ----------
    choice : Choice
        Preset, sizes and seed. With ``multi_output`` false the made volume's coarser levels are
        its own, made by the operator that makes the target's.
    settings : Settings
        The preset with what the recipe changes.

    Raises
    ------
    RecipeInvalid
        When ``vgg`` names a file that does not hold VGG-19.

    References
    ----------
    Ha et al. 2025, Section 3.3, Eq. 1 to 5.
    """

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.onto = settings, choice.onto
        self.marks = marks_of(choice.window)
        super().__init__(
            choice,
            settings,
            lambda: MultiResolution3d(
                width=settings.adversary_width, multi=settings.multi_resolution
            ),
        )
        self.vgg = _vgg(settings)

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.Learner`."""
        levels = self.run_levels(self.generator, batch.source)
        paid = self.teach_adversary(batch, levels, step)
        terms = self.against(batch, levels)
        terms["voxel"] = self._voxel(levels, self.levels_of(batch.target))
        if self.vgg is not None:
            self.vgg.to(batch.target.device)
            share = self.settings.perceptual_share
            terms["perceptual"] = perceptual(
                self.vgg, levels[0], batch.target, share=share, seed=step
            )
        self.step_down(weighted(terms, self.settings), "generator")
        return paid | {name: term.item() for name, term in terms.items()}

    def judge(self, source: Tensor, images: Levels) -> Levels:  # noqa: ARG002
        """Return logits level by level; the adversary sees the target's contrast alone."""
        shown = images if len(images) == LEVELS else self.levels_of(images[0])
        return self.run_levels(self.adversary, shown)

    def levels_of(self, target: Tensor) -> Levels:
        """Return the target at all resolutions."""
        return pyramid(target, self.settings.pyramid)

    def _voxel(self, levels: Levels, targets: Levels) -> Tensor:
        """Return Eq. 3, summed over the levels that there are."""
        air, dense = self.settings.air, self.settings.dense
        each = [
            voxel(made, target, air=air, dense=dense, onto=self.onto, marks=self.marks)
            for made, target in zip(levels, targets, strict=False)
        ]
        return torch.stack(each).sum()


def _vgg(settings: Settings) -> Vgg19 | None:
    """Return the perceptual term's network, where the operator supplies it; else say so."""
    if settings.perceptual == 0:
        return None
    if not settings.vgg:
        log.warning("no file for VGG-19 (setting 'vgg'): the perceptual term, Eq. 4, is left out")
        return None
    return Vgg19.read(Path(settings.vgg))
