"""Scans of a subject with their truth, and files of many.

Subjects and an order enter; prepared pairs leave, each saying by which recipe it was made.
"""

from train.phantom.pairs.frozen import RECIPE_SHA256
from train.phantom.pairs.make import draw_subjects, make_phantoms
from train.phantom.pairs.scan import scan_pair

__all__ = ["RECIPE_SHA256", "draw_subjects", "make_phantoms", "scan_pair"]
