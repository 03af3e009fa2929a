"""What is a CT image's own: type, pixels, rescale, windows (PS3.3 A.3, C.8.2.1)."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import format_number_as_ds

from dicom_node.results.making import Making
from dicom_node.results.valid import valid_text

__all__ = ["describe_ct", "finish_ct"]

_POSITIONS = frozenset(
    {
        "HFP", "HFS", "HFDR", "HFDL", "FFDR", "FFDL", "FFP", "FFS",
        "LFP", "LFS", "RFP", "RFS", "AFDR", "AFDL", "PFDR", "PFDL",
    }
)  # fmt: skip
"""PS3.3 C.7.3.1.1.2; anything else is unknown, and the attribute is type 2."""


def describe_ct(ds: Dataset, making: Making) -> None:
    """Write what all slices share.

    KVP and Acquisition Number stand empty, and nothing is said of exposure: there were no X-rays.
    Value 4 of Image Type is empty because it is for multi-energy images.
    """
    step_mm = _step_mm(making)
    stored = making.synthesis.stored
    ds.SOPClassUID = CTImageStorage
    ds.Modality = "CT"
    ds.ImageType = ["DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"]
    ds.AcquisitionNumber = None
    ds.KVP = None
    position = valid_text(making.sources[0].header, "PatientPosition")
    ds.PatientPosition = position if position in _POSITIONS else ""
    ds.SliceThickness = format_number_as_ds(step_mm)
    ds.SpacingBetweenSlices = format_number_as_ds(step_mm)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = stored.pixels.shape[1:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    if stored.padding is not None:
        ds.PixelPaddingValue = stored.padding
    ds.RescaleIntercept = format_number_as_ds(stored.intercept)
    ds.RescaleSlope = format_number_as_ds(stored.slope)
    ds.RescaleType = "HU"
    ds.WindowCenter, ds.WindowWidth = ["40", "400"], ["300", "1500"]
    ds.WindowCenterWidthExplanation = ["SOFT_TISSUE", "BONE"]


def finish_ct(ds: Dataset, making: Making, z: int) -> None:
    """Write the pixels of slice ``z``: 16 bits, little endian, 12 used."""
    pixels = making.synthesis.stored.pixels[z]
    ds.add_new("PixelData", "OW", np.ascontiguousarray(pixels, dtype="<u2").tobytes())


def _step_mm(making: Making) -> float:
    return making.synthesis.volume.grid.spacing_mm[0]
