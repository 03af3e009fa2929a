"""HLSNC-GAN: two generators, two adversaries, a hinge between them (Heng et al. 2024)."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from engine.models import build
from train.adversaries import Patch2d
from train.data import Batch
from train.losses import (
    Hinge,
    adversary_loss,
    cycle,
    hinge_adversary,
    hinge_generator,
    identity,
    minimax_generator,
    voxel,
)
from train.systems.base import Choice, Learner, drawn_from, fixed, unseen
from train.systems.stepping import Stepping

__all__ = ["PRESETS", "HlsncGan", "Settings"]


@dataclass(frozen=True, slots=True)
class Settings(Stepping):
    """How HLSNC-GAN learns; see :class:`train.systems.stepping.Stepping` for the rest.

    Parameters
    ----------
    adversarial, cycle, identity : float
        Weights of the unpaired terms.
    voxel : float
        Weight of the paired term; 0 for unpaired sets.
    air, dense : float
        Weights of air and of bone within the paired term, by :data:`train.losses.SHARES` of the
        range whatever the window: up to -985 HU and above 125 HU where it is -1000 to 2000 HU.
    unpaired_every : int
        Every how many updates the unpaired terms take part, and adversaries and the way back learn.
        They cost seven times the paired term; 1 is the paper.
    hinge : {"margin", "linear"}
        Of the generators.
    printed : bool
        Eq. 1, 2, 4 and 7 to the letter, for study: cross-entropy with weight 1 beside the hinge,
        and identity across domains.
    adversary_width : int
        Channels of the adversaries after their first layer.
    """

    adversarial: float = 1.0
    cycle: float = 10.0
    identity: float = 5.0
    voxel: float = 0.0
    air: float = 1.0
    dense: float = 1.0
    unpaired_every: int = 1
    hinge: Hinge = "margin"
    printed: bool = False
    adversary_width: int = 64


PRESETS: Mapping[str, Settings] = {
    "paper": Settings(optimiser="rmsprop"),
    "robust": Settings(schedule="linear", hold=0.5, average=0.999, clip=1.0),
    "literal": Settings(
        optimiser="rmsprop", adversarial=0.01, cycle=0.01, identity=0.01, printed=True
    ),
}
"""``paper``: weights 10 and 5 are CycleGAN's, where the paper prints 0.01 for all; batch 1,
RMSprop at 2e-4, no schedule (Section IV-D). ``robust``: what usually steadies it. ``literal``: what
the paper prints, which does not translate: an identity across domains asks for the input back."""


class HlsncGan(Learner):
    """Learn MR to CT, forth and back.

    The terms, with G to CT and F to MR::

        adversaries  1/2 [hinge(D_ct) + hinge(D_mr)]                                 Eq. 5
        generators   adversarial [L(G) + L(F)] + cycle Eq. 3 + identity Eq. 4        Eq. 6, 7
                     + voxel [mean |G(mr) - ct| + mean |F(ct) - mr|]                 ours

    Adversaries learn first, then generators, in every update (Section III-E). With ``printed``::

        adversaries  BCE(D_ct) + BCE(D_mr) + adversarial hinge                       Eq. 1, 2, 5
        generators   log(1 - D_ct(G)) + log(1 - D_mr(F)) + adversarial [L(G) + L(F)]
                     + cycle Eq. 3 + identity across domains                         Eq. 4, 6, 7

    Eq. 7 is one objective of all four networks; here, too, each network gets what it can minimise,
    L_D the adversaries and L_G the generators: on both at once their slopes cancel. The sigmoid of
    Table 4 stands inside the logarithm alone; a margin of 1 has no meaning on (0, 1).

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
        self.settings = settings
        width, eps = settings.adversary_width, 1e-8 if settings.printed else 1e-5
        with drawn_from(choice.seed):
            self.to_ct = build("hlsnc_gan", choice.preset, choice.sizes)
            self.to_mr = build("hlsnc_gan", choice.preset, choice.sizes)
            self.judge_ct = Patch2d(width=width, eps=eps)
            self.judge_mr = Patch2d(width=width, eps=eps)
        networks: dict[str, nn.Module] = {
            "to_ct": self.to_ct,
            "to_mr": self.to_mr,
            "judge_ct": self.judge_ct,
            "judge_mr": self.judge_mr,
        }
        rate = settings.learning_rate
        taught = {
            "to_ct": (("to_ct",), rate),
            "to_mr": (("to_mr",), rate),
            "judges": (("judge_ct", "judge_mr"), settings.adversary_rate or rate),
        }
        super().__init__(choice, settings, networks, taught, "to_ct")

    def learn(self, batch: Batch, step: int) -> dict[str, float]:
        """See :class:`train.systems.base.Learner`."""
        unpaired = step % self.settings.unpaired_every == 0
        return self._all_terms(batch) if unpaired else self._paired_alone(batch)

    def _paired_alone(self, batch: Batch) -> dict[str, float]:
        paired = self._voxel(self.run(self.to_ct, batch.source), batch.target)
        self.step_down(self.settings.voxel * paired, "to_ct")
        return {"voxel": paired.item()}

    def _all_terms(self, batch: Batch) -> dict[str, float]:
        weights = self.settings
        made_ct = self.run(self.to_ct, batch.source)
        made_mr = self.run(self.to_mr, batch.target)
        judged = self.adversary_loss(batch, made_ct.detach(), made_mr.detach())
        self.step_down(judged, "judges")
        terms = self.generator_terms(batch, made_ct, made_mr)
        total = weights.adversarial * terms["adversarial"] + weights.voxel * terms["voxel_both"]
        total = total + weights.cycle * terms["cycle"] + weights.identity * terms["identity"]
        if weights.printed:
            total = total + terms["entropy"]
        self.step_down(total, "to_ct", "to_mr")
        return {"adversary": judged.item(), **{k: v.item() for k, v in terms.items()}}

    def adversary_loss(self, batch: Batch, made_ct: Tensor, made_mr: Tensor) -> Tensor:
        """Return what the adversaries pay.

        Parameters
        ----------
        made_ct, made_mr : (B, 1, H, W)
            ``G(mr)`` and ``F(ct)``, without their gradients.
        """
        ct = (self.run(self.judge_ct, batch.target), self.run(self.judge_ct, made_ct))
        mr = (self.run(self.judge_mr, batch.source), self.run(self.judge_mr, made_mr))
        hinge = hinge_adversary(*ct) + hinge_adversary(*mr)
        if not self.settings.printed:
            return hinge / 2
        entropy = adversary_loss(ct[:1], ct[1:], "entropy")
        entropy = entropy + adversary_loss(mr[:1], mr[1:], "entropy")
        return 2 * entropy + self.settings.adversarial * hinge

    def generator_terms(self, batch: Batch, made_ct: Tensor, made_mr: Tensor) -> dict[str, Tensor]:
        """Return the generators' terms, unweighted.

        Parameters
        ----------
        made_ct, made_mr : (B, 1, H, W)
            ``G(mr)`` and ``F(ct)``, with their gradients.
        """
        mr, ct, settings = batch.source, batch.target, self.settings
        terms: dict[str, Tensor] = {}
        with fixed(self.judge_ct), fixed(self.judge_mr):
            of_ct, of_mr = self.run(self.judge_ct, made_ct), self.run(self.judge_mr, made_mr)
        against = hinge_generator(of_ct, settings.hinge)
        terms["adversarial"] = against + hinge_generator(of_mr, settings.hinge)
        if settings.printed:
            terms["entropy"] = minimax_generator(of_ct) + minimax_generator(of_mr)
        with unseen(self.to_ct), unseen(self.to_mr):
            back, forth = self.run(self.to_mr, made_ct), self.run(self.to_ct, made_mr)
            terms["cycle"] = cycle(mr, back, ct, forth)
            terms["identity"] = self._identity(batch, made_ct, made_mr)
        there, back = self._voxel(*_common(made_ct, ct)), voxel(*_common(made_mr, mr))
        return terms | {"voxel": there.detach(), "voxel_both": there + back}

    def _identity(self, batch: Batch, made_ct: Tensor, made_mr: Tensor) -> Tensor:
        """Return Eq. 4 within each domain, or across as it is printed."""
        mr, ct = batch.source, batch.target
        if self.settings.printed:
            return identity(mr, made_ct, ct, made_mr)
        return identity(mr, self.run(self.to_mr, mr), ct, self.run(self.to_ct, ct))

    def _voxel(self, made: Tensor, target: Tensor) -> Tensor:
        return voxel(made, target, air=self.settings.air, dense=self.settings.dense)


def _common(made: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return what both have: scans of two persons differ in size, and no pair is meant then."""
    height, width = (
        min(one, two) for one, two in zip(made.shape[2:], other.shape[2:], strict=True)
    )
    return made[..., :height, :width], other[..., :height, :width]
