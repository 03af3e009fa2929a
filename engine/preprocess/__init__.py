"""Steps as values: applied, undone, written down, on whatever array arrives.

What enters: volumes and the specification of the steps, as a bundle holds it. What leaves: the
volumes as the network wants them, and a trace that puts a result back where the first source was.
"""

from engine.preprocess.align import Register, Template
from engine.preprocess.atlas import Atlas
from engine.preprocess.chain import Chain, Step, Trace
from engine.preprocess.crop_pad import CropPad
from engine.preprocess.intensity import Clip, MinMax, Normalise, Window
from engine.preprocess.mask import air_of, box_of, foreground
from engine.preprocess.orient import Orient
from engine.preprocess.resample import Resample, along_axis, axis_weights, resample_onto
from engine.preprocess.smooth import Smooth
from engine.preprocess.tissue import GreyMatter

__all__ = [
    "Atlas",
    "Chain",
    "Clip",
    "CropPad",
    "GreyMatter",
    "MinMax",
    "Normalise",
    "Orient",
    "Register",
    "Resample",
    "Smooth",
    "Step",
    "Template",
    "Trace",
    "Window",
    "air_of",
    "along_axis",
    "axis_weights",
    "box_of",
    "foreground",
    "resample_onto",
]
