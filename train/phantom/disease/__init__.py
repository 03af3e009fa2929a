"""What is wrong with a phantom's brain: lesions, an Alzheimer-like loss, and the uptake of both.

A random generator and a canvas enter; a painted canvas and a list of what was painted leave.
"""

from train.phantom.disease import alzheimer, condition, lesions
from train.phantom.disease.alzheimer import atrophy, hold
from train.phantom.disease.condition import DISEASES, LESIONS, Condition, draw_condition
from train.phantom.disease.lesions import Lesion, paint_lesions
from train.phantom.disease.uptake import FIGURES as _OF_UPTAKE
from train.phantom.disease.uptake import uptake

__all__ = [
    "DISEASES",
    "FIGURES",
    "LESIONS",
    "Condition",
    "Lesion",
    "atrophy",
    "draw_condition",
    "hold",
    "paint_lesions",
    "uptake",
]

FIGURES = (alzheimer.FIGURES, condition.FIGURES, lesions.FIGURES, _OF_UPTAKE)
"""Every number in this room."""
