"""How like the sources that a model learned from a source is, and which way round it lies."""

from engine.quality.likeness.grain import STEPS, grain_of
from engine.quality.likeness.space import Likeness, picture_of
from engine.quality.likeness.ways import BLOCKS, WAYS

__all__ = ["BLOCKS", "STEPS", "WAYS", "Likeness", "grain_of", "picture_of"]
