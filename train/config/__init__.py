"""A recipe: one TOML file that says all of how a model is made, as a frozen value."""

from train.config.bundled import checked, contract, inference, metadata
from train.config.reading import read_recipe
from train.config.values import (
    Accepts,
    Baseline,
    Cohort,
    Gate,
    Learning,
    Model,
    Phantoms,
    Preparation,
    Recipe,
)

__all__ = [
    "Accepts",
    "Baseline",
    "Cohort",
    "Gate",
    "Learning",
    "Model",
    "Phantoms",
    "Preparation",
    "Recipe",
    "checked",
    "contract",
    "inference",
    "metadata",
    "read_recipe",
]
