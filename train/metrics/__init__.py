"""How far a synthetic image is from the truth: arrays in, figures by name out."""

from train.metrics.image import PROFILES, Profile, evaluate, figures_ct
from train.metrics.picture import tiles, write_png
from train.metrics.spread import Interval, bootstrap, bootstrap_ratio
from train.metrics.uptake import asymmetry, figures_pet, uptake_by_region

__all__ = [
    "PROFILES",
    "Interval",
    "Profile",
    "asymmetry",
    "bootstrap",
    "bootstrap_ratio",
    "evaluate",
    "figures_ct",
    "figures_pet",
    "tiles",
    "uptake_by_region",
    "write_png",
]
