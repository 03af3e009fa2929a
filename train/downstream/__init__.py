"""What a synthetic image is good for: whether a second program can learn from it, or decide by it.

What enters: a recipe, its pairs and what was learned from them. What leaves: ``downstream.json``.
"""

from train.downstream.assess import DOWNSTREAM, assess

__all__ = ["DOWNSTREAM", "assess"]
