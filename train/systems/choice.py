"""From a recipe's choice to the system, checked."""

from collections.abc import Mapping
from typing import Any

from engine.models import NAMES as NETWORKS
from train.errors import RecipeInvalid
from train.systems import agi_net, calf_gan, hlsnc_gan, mdaunet3d, pcsa_gan, regression
from train.systems.base import PRECISIONS, Choice, System
from train.systems.stepping import Stepping, settings_of

__all__ = ["NAMES", "build_system", "presets_of", "usual_settings"]

_SYSTEMS: Mapping[str, tuple[Any, Mapping[str, Stepping]]] = {
    "agi_net": (agi_net.AgiNet, agi_net.PRESETS),
    "calf_gan": (calf_gan.CalfGan, calf_gan.PRESETS),
    "hlsnc_gan": (hlsnc_gan.HlsncGan, hlsnc_gan.PRESETS),
    "mdaunet3d": (mdaunet3d.MdaUnet3d, mdaunet3d.PRESETS),
    "pcsa_gan": (pcsa_gan.PcsaGan, pcsa_gan.PRESETS),
    "regression": (regression.Regression, regression.PRESETS),
}
NAMES = tuple(sorted(_SYSTEMS))
_LEARNED: Mapping[str, tuple[str, ...]] = {
    "agi_net": ("agi_net", "resunet"),
    "regression": NETWORKS,
}
"""Which networks a system learns, where not only the one called as it is."""


def presets_of(name: str) -> tuple[str, ...]:
    """Return the presets of a system.

    Raises
    ------
    RecipeInvalid
        When there is no such system.
    """
    if name not in _SYSTEMS:
        raise RecipeInvalid(f"no system '{name}'; known: {', '.join(NAMES)}")
    return tuple(sorted(_SYSTEMS[name][1]))


def usual_settings(name: str, preset: str) -> Stepping:
    """Return the settings of a preset of a system, both of which there are."""
    return _SYSTEMS[name][1][preset]


def build_system(choice: Choice) -> System:
    """Return the system that a recipe chooses, its weights drawn from the seed.

    Raises
    ------
    RecipeInvalid
        When name, preset, network, precision or a setting is unknown.
    SpecError
        When a size is.
    """
    if choice.preset not in presets_of(choice.name):
        known = ", ".join(presets_of(choice.name))
        raise RecipeInvalid(f"{choice.name} has no preset '{choice.preset}'; known: {known}")
    learned = _LEARNED.get(choice.name, (choice.name,))
    if choice.network not in learned:
        text = f"{choice.name} learns no network '{choice.network}'; name one of"
        raise RecipeInvalid(f"{text} {', '.join(learned)}")
    if choice.precision not in PRECISIONS:
        text = f"precision '{choice.precision}' is unknown; wanted is one of"
        raise RecipeInvalid(f"{text} {', '.join(PRECISIONS)}")
    usual = usual_settings(choice.name, choice.preset)
    settings = settings_of(choice.name, usual, choice.settings)
    system: System = _SYSTEMS[choice.name][0](choice, settings)
    return system
