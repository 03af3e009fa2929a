"""From the network's answer to an image: restored, checked, quantised.

What enters: the network's volume and the trace of what was done to its input. What leaves: voxels
in their unit on the grid that was asked for, and integers for DICOM.
"""

from engine.postprocess.quality import check
from engine.postprocess.quantise import Stored, quantise, quantise_hu, quantise_mr, quantise_pet
from engine.postprocess.restore import restore, rt_axial_grid

__all__ = [
    "Stored",
    "check",
    "quantise",
    "quantise_hu",
    "quantise_mr",
    "quantise_pet",
    "restore",
    "rt_axial_grid",
]
