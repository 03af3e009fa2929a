"""Limits of a model's gate: subjects that nothing was learned from in, a bundle with limits out."""

from train.calibrate.calibrate import LIKENESS, QUALITY, calibrate
from train.calibrate.limits import RULE, Rule, limits_of

__all__ = ["LIKENESS", "QUALITY", "RULE", "Rule", "calibrate", "limits_of"]
