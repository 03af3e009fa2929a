"""Limits of a model's gate: subjects that nothing was learned from in, a bundle with limits out."""

from train.calibrate.calibrate import FEWEST, LIKENESS, QUALITY, calibrate
from train.calibrate.limits import RULE, Rule, limits_of

__all__ = ["FEWEST", "LIKENESS", "QUALITY", "RULE", "Rule", "calibrate", "limits_of"]
