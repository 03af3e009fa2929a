"""How far a synthetic image is from the truth: arrays in, figures by name out."""

from train.metrics.image import PROFILES, evaluate, figures_ct
from train.metrics.picture import tiles, write_png
from train.metrics.spread import Interval, bootstrap

__all__ = [
    "PROFILES",
    "Interval",
    "bootstrap",
    "evaluate",
    "figures_ct",
    "tiles",
    "write_png",
]
