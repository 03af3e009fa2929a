"""PCSA-GAN: PET from the grey matter, structure weighed beside voxels."""

from collections.abc import Mapping
from dataclasses import dataclass

from train.adversaries import Volume3d
from train.data import Batch
from train.losses import ms_ssim, voxel
from train.systems.base import Choice, weighted
from train.systems.gan import Gan, GanSettings

__all__ = ["PRESETS", "PcsaGan", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings(GanSettings):
    """How PCSA-GAN learns; see :class:`~train.systems.gan.GanSettings` for the rest.

    Parameters
    ----------
    voxel, structure : float
        Weights of the mean absolute difference and of the structural similarity over scales; 0
        leaves a term out.
    window : int
        Of the similarity, in voxels; it has to fit a quarter of the volume.
    side : int
        Of the volumes, which are cubes: the adversary has a weight for every place.
    """

    learning_rate: float = 1e-4
    adversary_rate: float = 4e-4
    betas: tuple[float, ...] = (0.9, 0.999)
    adversarial: float = 0.01
    adversary_width: int = 24
    voxel: float = 1.0
    structure: float = 1.0
    window: int = 11
    side: int = 64


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(),
    "robust": Settings(average=0.999, clip=1.0, r1=10.0),
}
"""``paper``: Adam, 1e-4 and 4e-4, betas 0.9 and 0.999, no schedule (Section 4.2). The weights of
Eq. 12 are "manually set" and not given: 0.01, 1 and 1 are ours. ``robust``: averaged weights,
clipped gradients, and a slope that the adversary pays for, which the paper's rate lets win."""


class PcsaGan(Gan):
    """Learn PET from grey matter.

    The terms, with the map x and the uptake y::

        adversary  BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)                  Eq. 7, as it must be meant
        generator  adversarial BCE(D(x, G(x)), 1)                        Eq. 7
                   + voxel mean |G(x) - y|                               Eq. 8
                   + structure (1 - MS-SSIM(G(x), y))                    Eq. 11

    Eq. 7 repeats Eq. 8; the text around it describes the adversarial term, so that stands here.
    Eq. 12 adds the adversary's loss to the generator's as one objective: each has its own here.
    The adversary pays the whole sum, not half of it.

    Parameters
    ----------
    choice : Choice
        Preset, sizes and seed.
    settings : Settings
        The preset with what the recipe changes.

    References
    ----------
    Mao et al. (PCSA-GAN), Section 3.4.
    """

    share = 2.0

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.onto = settings, choice.onto
        shape = (settings.side,) * 3
        channels = choice.sizes.get("channels_in", 1) + 1
        super().__init__(
            choice,
            settings,
            lambda: Volume3d(channels_in=channels, width=settings.adversary_width, shape=shape),
        )

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.Learner`."""
        settings = self.settings
        made = self.run(self.generator, batch.source)
        paid = self.teach_adversary(batch, (made,), step)
        terms = self.against(batch, (made,))
        difference = voxel(made, batch.target, onto=self.onto)
        if settings.voxel:
            terms["voxel"] = difference
        if settings.structure:
            terms["structure"] = 1 - ms_ssim(made, batch.target, window=settings.window)
        self.step_down(weighted(terms, settings), "generator")
        told = {name: term.item() for name, term in terms.items()}
        return paid | {"voxel": difference.item()} | told
