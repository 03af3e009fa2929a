"""What the three kinds of image describe alike: pixels, slices, the patient's position."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from dicom_node.results.making import Making
from dicom_node.results.valid import valid_text

__all__ = [
    "ACQUISITION_MR",
    "ACQUISITION_XRAY",
    "Iod",
    "describe_pixels",
    "position_of",
    "write_pixels",
]

_POSITIONS = frozenset(
    {
        "HFP", "HFS", "HFDR", "HFDL", "FFDR", "FFDL", "FFP", "FFS",
        "LFP", "LFS", "RFP", "RFS", "AFDR", "AFDL", "PFDR", "PFDL",
    }
)  # fmt: skip
"""PS3.3 C.7.3.1.1.2; anything else is unknown, and the attribute is type 2."""

ACQUISITION_MR = (
    "FlipAngle", "MagneticFieldStrength", "SequenceName", "ProtocolName", "EchoNumbers", "SAR",
)  # fmt: skip
"""What only a scan in a magnet has, and no result of any kind says."""
ACQUISITION_XRAY = (
    "ExposureTime", "XRayTubeCurrent", "Exposure", "ConvolutionKernel", "GantryDetectorTilt",
    "ReconstructionDiameter", "IrradiationEventUID", "CTDIvol",
)  # fmt: skip
"""What only an exposure has."""


@dataclass(frozen=True, slots=True)
class Iod:
    """One kind of image.

    Parameters
    ----------
    sop_class_uid, modality : str
        As written.
    image_type : callable
        Image Type (0008,0008) of a label.
    describe : callable
        Writes what all slices share.
    number_slice : callable
        Writes what one slice (from 1) has besides its place and its pixels.
    bits : (allocated, stored, high bit, representation)
    dtype : str
        Of the pixels, little endian, as NumPy names it.
    with_value, present, forbidden : tuple of str
        Keywords of the kind's own: type 1, type 2, and what it must not say.
    acquired : bool
        Whether the time of the source's acquisition is the result's too.
    """

    sop_class_uid: str
    modality: str
    image_type: Callable[[str], list[str]]
    describe: Callable[[Dataset, Making], None]
    number_slice: Callable[[Dataset, int], None]
    bits: tuple[int, int, int, int]
    dtype: str
    with_value: tuple[str, ...]
    present: tuple[str, ...]
    forbidden: tuple[str, ...]
    acquired: bool


def describe_pixels(ds: Dataset, making: Making, bits: tuple[int, int, int, int]) -> None:
    """Write Image Pixel (PS3.3 C.7.6.3) and the step from slice to slice."""
    stored, step_mm = making.synthesis.stored, making.synthesis.volume.grid.spacing_mm[0]
    ds.SliceThickness = format_number_as_ds(step_mm)
    ds.SpacingBetweenSlices = format_number_as_ds(step_mm)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.pixels.shape[1:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits
    if stored.padding is not None:
        ds.PixelPaddingValue = stored.padding


def write_pixels(ds: Dataset, making: Making, z: int, dtype: str) -> None:
    """Write the pixels of slice ``z``: 16 bits, little endian."""
    pixels = making.synthesis.stored.pixels[z]
    ds.add_new("PixelData", "OW", np.ascontiguousarray(pixels, dtype=dtype).tobytes())


def position_of(making: Making) -> str:
    """Return Patient Position (0018,5100) of the source; empty where it says none that is known."""
    position = valid_text(making.sources[0].header, "PatientPosition")
    return position if position in _POSITIONS else ""
