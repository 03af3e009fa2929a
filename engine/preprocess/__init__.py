"""Steps as values: applied, undone, written down, on whatever array arrives.

What enters: a volume and the specification of the steps, as a bundle holds it. What leaves: the
volume as the network wants it, and a trace that puts a result back where the source was.
"""

from engine.preprocess.chain import Chain, Trace
from engine.preprocess.crop_pad import CropPad
from engine.preprocess.intensity import Normalise, Window
from engine.preprocess.mask import foreground
from engine.preprocess.orient import Orient
from engine.preprocess.resample import Resample, resample_onto

__all__ = [
    "Chain",
    "CropPad",
    "Normalise",
    "Orient",
    "Resample",
    "Trace",
    "Window",
    "foreground",
    "resample_onto",
]
