"""One system per paper: generators, adversaries, losses, optimisers and schedule together.

What enters: sizes, settings and batches. What leaves: one update per batch and the losses of it.
"""

from collections.abc import Callable, Mapping

from train.errors import RecipeInvalid
from train.systems.base import Choice, System
from train.systems.hlsnc_gan import HlsncGan, build_hlsnc_gan

__all__ = ["NAMES", "Choice", "HlsncGan", "System", "build_system"]

_BUILDERS: Mapping[str, Callable[[Choice], System]] = {"hlsnc_gan": build_hlsnc_gan}
NAMES = tuple(sorted(_BUILDERS))


def build_system(choice: Choice) -> System:
    """Return the system that a recipe chooses, its weights drawn from the seed.

    Raises
    ------
    RecipeInvalid
        When name, preset or a setting is unknown.
    """
    if choice.name not in _BUILDERS:
        raise RecipeInvalid(f"no system '{choice.name}'; known: {', '.join(NAMES)}")
    return _BUILDERS[choice.name](choice)
