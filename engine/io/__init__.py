"""Files in, volumes out: headers frame by frame, slice order and affine, pixels in their unit.

What enters: paths of DICOM files. What leaves: frames, volume candidates with what is wrong with
each, and :class:`engine.volume.Volume`. Judging and reading share this code, so what was accepted
is what is read. It loads pydicom and NumPy and nothing heavier.
"""

from engine.io.candidates import Candidate, split
from engine.io.dicom import read_voxels
from engine.io.frames import Frame, read_frames
from engine.io.geometry import Stack, stack
from engine.io.pixels import inner, pixel_digest

__all__ = [
    "Candidate",
    "Frame",
    "Stack",
    "inner",
    "pixel_digest",
    "read_frames",
    "read_voxels",
    "split",
    "stack",
]
