"""AGI-Net: one contrast from several, within pix2pix; ResUnet learns the same way."""

from collections.abc import Mapping
from dataclasses import dataclass

from train.adversaries import PatchGan2d
from train.data import Batch
from train.losses import marks_of, voxel
from train.systems.base import Choice, weighted
from train.systems.gan import Gan, GanSettings

__all__ = ["PRESETS", "AgiNet", "Settings"]

_CONTRASTS = 2


@dataclass(frozen=True, slots=True)
class Settings(GanSettings):
    """How AGI-Net learns; see :class:`~train.systems.gan.GanSettings` for the rest.

    Parameters
    ----------
    voxel : float
        Weight of the mean absolute difference.
    air, dense : float
        Weights of air and of what is bright within it.
    """

    learning_rate: float = 1e-4
    voxel: float = 100.0
    air: float = 1.0
    dense: float = 1.0


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(),
    "robust": Settings(schedule="cosine", hold=0.0, average=0.999, clip=1.0),
}
"""``paper``: Adam at 1e-4, no schedule (Section 4.1); that it learns within pix2pix is all it says
of the losses, so weights, betas and adversary are pix2pix's. ``robust``: a rate that ends at 0,
averaged weights, clipped gradients; the misalignment that goes with it is the recipe's."""


class AgiNet(Gan):
    """Learn a contrast from several.

    The terms, with the contrasts x and the missing one y::

        adversary  1/2 [BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)]            pix2pix Eq. 1
        generator  adversarial BCE(D(x, G(x)), 1)                        pix2pix Eq. 1
                   + voxel mean |G(x) - y|                               pix2pix Eq. 3, 4

    Parameters
    ----------
    choice : Choice
        ``network`` is ``agi_net`` or ``resunet``, its backbone.
    settings : Settings
        The preset with what the recipe changes.

    References
    ----------
    AGI-Net paper, Sections 4.1 and 4.2 (arXiv:2411.14684). Isola et al. 2017 (pix2pix).
    """

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.onto = settings, choice.onto
        self.marks = marks_of(choice.window)
        contrasts = choice.sizes.get("channels_in", _CONTRASTS)
        super().__init__(
            choice,
            settings,
            lambda: PatchGan2d(channels_in=contrasts + 1, width=settings.adversary_width),
        )

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.Learner`."""
        settings = self.settings
        made = self.run(self.generator, batch.source)
        paid = self.teach_adversary(batch, (made,), step)
        terms = self.against(batch, (made,))
        terms["voxel"] = voxel(
            made,
            batch.target,
            air=settings.air,
            dense=settings.dense,
            onto=self.onto,
            marks=self.marks,
        )
        self.step_down(weighted(terms, settings), "generator")
        return paid | {name: term.item() for name, term in terms.items()}
