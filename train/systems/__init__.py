"""One system per paper: generators, adversaries, losses, optimisers and schedule together.

What enters: sizes, settings and batches. What leaves: one update per batch and the losses of it.
``regression`` is the baseline that every paper has to beat: any generator without an adversary.
"""

from train.systems.base import RANGES, Choice, System
from train.systems.choice import NAMES, build_system, presets_of, usual_settings

__all__ = ["NAMES", "RANGES", "Choice", "System", "build_system", "presets_of", "usual_settings"]
