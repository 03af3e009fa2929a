"""One generator and one adversary, which sees the source beside the image: what papers share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from engine.models import build
from train.data import Batch
from train.losses import Form, adversary_loss, generator_loss, gradient_penalty
from train.systems.base import Choice, Learner, Levels, drawn_from, fixed
from train.systems.stepping import Stepping

__all__ = ["Gan", "GanSettings"]


@dataclass(frozen=True, slots=True)
class GanSettings(Stepping):
    """How a generator and its adversary learn; see :class:`~train.systems.stepping.Stepping`.

    Parameters
    ----------
    adversarial : float
        Weight of the generator's adversarial term; at 0 the adversary is neither asked nor taught.
    form : {"entropy", "hinge", "relativistic"}
        Of what both pay: see :mod:`train.losses.adversarial`.
    adversary_width : int
        Channels of the adversary after its first layer.
    r1 : float
        Weight of the slope of the adversary's score of real images (gamma); 0 for none.
    r1_every : int
        Every how many updates it is paid, that many times over.
    """

    adversarial: float = 1.0
    form: Form = "entropy"
    adversary_width: int = 64
    r1: float = 0.0
    r1_every: int = 16


class Gan(Learner):
    """A generator and an adversary that learn in turns; a system adds the other terms.

    The adversary learns first, then the generator, in every update.

    Parameters
    ----------
    choice : Choice
        Network, preset, sizes and seed.
    settings : GanSettings
        The preset with what the recipe changes.
    adversary : callable
        Returns the adversary, its weights drawn.

    References
    ----------
    Isola et al. 2017 (pix2pix), Eq. 1, Section 3.3.
    """

    share = 1.0
    """Of :func:`~train.losses.adversary_loss` that is paid; 2 where a paper takes no half."""

    def __init__(
        self, choice: Choice, settings: GanSettings, adversary: Callable[[], nn.Module]
    ) -> None:
        self.contest = settings
        with drawn_from(choice.seed):
            self.generator = build(choice.network, choice.preset, choice.sizes)
            self.adversary = adversary()
        networks = {"generator": self.generator, "adversary": self.adversary}
        rate = settings.learning_rate
        taught = {
            "generator": (("generator",), rate),
            "adversary": (("adversary",), settings.adversary_rate or rate),
        }
        super().__init__(choice, settings, networks, taught, "generator")

    def judge(self, source: Tensor, images: Levels) -> Levels:
        """Return the adversary's logits for ``images`` of ``source``."""
        return self.run_levels(self.adversary, torch.cat((source, images[0]), dim=1))

    def levels_of(self, target: Tensor) -> Levels:
        """Return the target as the adversary is shown real images."""
        return (target,)

    def teach_adversary(self, batch: Batch, made: Levels, step: int) -> dict[str, float]:
        """Take the adversary's step; return what it paid.

        Parameters
        ----------
        made : Levels
            The generator's images; no gradient goes back into it.
        """
        contest = self.contest
        if contest.adversarial == 0:
            return {}
        real = self.judge(batch.source, self.levels_of(batch.target))
        fake = self.judge(batch.source, tuple(one.detach() for one in made))
        loss = self.share * adversary_loss(real, fake, contest.form)
        paid = {"adversary": loss.item()}
        if contest.r1 > 0 and step % contest.r1_every == 0:
            image = batch.target.detach().clone().requires_grad_()
            slope = gradient_penalty(self.judge(batch.source, self.levels_of(image)), image)
            loss = loss + contest.r1 * contest.r1_every * slope
        self.step_down(loss, "adversary")
        return paid

    def against(self, batch: Batch, made: Levels) -> dict[str, Tensor]:
        """Return the generator's adversarial term, where it has one; the adversary learns nothing.

        Parameters
        ----------
        made : Levels
            The generator's images, with their gradients.
        """
        contest = self.contest
        if contest.adversarial == 0:
            return {}
        with fixed(self.adversary):
            real: Levels = ()
            if contest.form == "relativistic":
                with torch.no_grad():
                    real = self.judge(batch.source, self.levels_of(batch.target))
            fake = self.judge(batch.source, made)
            return {"adversarial": generator_loss(fake, contest.form, real)}
