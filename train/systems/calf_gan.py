"""CALF-GAN: there by the target's latent, back by the source's (Zhu and Wang 2025)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from torch import Tensor

from engine.models.calf_gan import CalfGan as Network
from engine.models.calf_latent import Latent
from train.adversaries import PatchGan2d
from train.data import Batch
from train.losses import Angle, feature, gradient_difference, marks_of, orthogonal, voxel
from train.systems.base import Choice, unseen, weighted
from train.systems.gan import Gan, GanSettings

__all__ = ["PRESETS", "CalfGan", "Settings", "Way"]


@dataclass(frozen=True, slots=True)
class Settings(GanSettings):
    """How CALF-GAN learns; see :class:`~train.systems.gan.GanSettings` for the rest.

    Parameters
    ----------
    voxel, cycle, feature, orthogonal : float
        Weights of Eq. 9 to 12.
    gradient : float
        Weight of the difference of steps from voxel to voxel, since the paper finds its own images
        too smooth; 0 for none.
    air, dense : float
        Weights of air and of what is bright within the voxel term.
    angle : {"dot", "cosine"}
        Of the orthogonal term: as printed, or of unit vectors, so that short latents do not pay.
    """

    voxel: float = 10.0
    cycle: float = 1.0
    feature: float = 100.0
    orthogonal: float = 100.0
    gradient: float = 0.0
    air: float = 1.0
    dense: float = 1.0
    angle: Angle = "dot"


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(schedule="linear", hold=0.5),
    "robust": Settings(
        schedule="linear",
        hold=0.5,
        average=0.999,
        clip=1.0,
        form="hinge",
        r1=10.0,
        gradient=5.0,
        air=0.1,
        angle="cosine",
    ),
}
"""``paper``: Adam at 2e-4, betas 0.5 and 0.999, a rate that declines over the second half, weights
1, 10, 1 and 100 (Section 4.4). ``robust``: what steadies it, and air that counts a tenth. Batches
are best of 4 to 8: norms over a batch of one are judged by averages that they never learned with.
"""


class Way(NamedTuple):
    """One translation: ``made = G(x, f_hat)``, and the latents that led there, where there are any.

    ``f`` is the source's own latent, by which the way back is found.
    """

    made: Tensor
    f: Tensor | None = None
    latent: Latent | None = None


class CalfGan(Gan):
    """Learn one contrast from another, and the way back.

    The terms, with f = FE(x, s), f_hat = FC(f, t) = f_wo + f_tm and x_f = G(x, f_hat)::

        adversary  1/2 [BCE(D(x, y), 1) + BCE(D(x, x_f), 0)]             Eq. 7
        generator  adversarial BCE(D(x, x_f), 1)                         Eq. 8
                   + voxel mean |x_f - y|                                Eq. 9
                   + cycle mean |G(x_f, f) - x|                          Eq. 10
                   + feature mean |f_hat - FE(x_f, t)|                   Eq. 11
                   + orthogonal mean [(f_wm . f_wo)^2 + (f_tm . f_wo)^2] Eq. 12
                   + gradient mean ||d x_f| - |d y||                     ours

    Eq. 8, 9 and 11 print ``G(x, f)`` and Eq. 10 ``G(x_f, f_hat)``, f being the source's latent and
    f_hat the target's: exchanged, or an image would be guided to where it comes from. So forth goes
    by f_hat and back by f here. Without guidance nothing is left to tell the two ways apart: the
    terms of Eq. 10 to 12 fall away, and pix2pix remains.

    Parameters
    ----------
    choice : Choice
        Preset, sizes and seed.
    settings : Settings
        The preset with what the recipe changes.

    References
    ----------
    Zhu and Wang 2025, Section 3.4, Eq. 7 to 13.
    """

    def __init__(self, choice: Choice, settings: Settings) -> None:
        self.settings, self.onto = settings, choice.onto
        self.marks = marks_of(choice.window)
        channels = choice.sizes.get("channels_in", 1) + 1
        super().__init__(
            choice,
            settings,
            lambda: PatchGan2d(channels_in=channels, width=settings.adversary_width),
        )
        self.network = cast(Network, self.generator)

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.Learner`."""
        way = self.translate(batch.source)
        paid = self.teach_adversary(batch, (way.made,), step)
        terms = self.generator_terms(batch, way)
        self.step_down(weighted(terms, self.settings), "generator")
        return paid | {name: term.item() for name, term in terms.items()}

    def translate(self, x: Tensor) -> Way:
        """Return ``x`` in the target's contrast."""
        network = self.network
        if network.encoder is None or network.converter is None:
            return Way(self.run(network.generator, x))
        f = self.run(network.encoder, x, network.source)
        latent = network.converter(f, network.target)
        return Way(self.run(network.generator, x, latent.f_hat), f, latent)

    def generator_terms(self, batch: Batch, way: Way) -> dict[str, Tensor]:
        """Return the generator's terms, unweighted."""
        settings, made, target = self.settings, way.made, batch.target
        terms = self.against(batch, (made,))
        terms["voxel"] = voxel(
            made, target, air=settings.air, dense=settings.dense, onto=self.onto, marks=self.marks
        )
        if settings.gradient:
            terms["gradient"] = gradient_difference(made, target)
        if way.f is not None and way.latent is not None:
            terms |= self._guided(batch.source, made, way.f, way.latent)
        return terms

    def _guided(self, x: Tensor, made: Tensor, f: Tensor, latent: Latent) -> dict[str, Tensor]:
        network = self.network
        with unseen(network):
            back = self.run(network.generator, made, f)
            seen = self.run(network.get_submodule("encoder"), made, network.target)
        parts = latent.f_wo, latent.f_wm, latent.f_tm
        return {
            "cycle": (back - x).abs().mean(),
            "feature": feature(latent.f_hat, seen),
            "orthogonal": orthogonal(*parts, self.settings.angle),
        }
