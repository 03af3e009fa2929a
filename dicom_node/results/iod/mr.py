"""What is an MR image's own: type, an acquisition that was none, window (PS3.3 A.4, C.8.3.1)."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from dicom_node.results.iod.common import (
    ACQUISITION_MR,
    ACQUISITION_XRAY,
    Iod,
    describe_pixels,
    position_of,
)
from dicom_node.results.making import Making

__all__ = ["MR"]

_BITS = (16, 12, 11, 0)
_WINDOW = (1.0, 99.5)
"""Percentiles of the volume that are shown."""


def _image_type(label: str) -> list[str]:
    """Value 3 has terms of its own, of which only OTHER fits; the contrast stands in value 4."""
    return ["DERIVED", "SECONDARY", "OTHER", label, "SYNTHETIC"]


def _describe(ds: Dataset, making: Making) -> None:
    """Write the mandatory acquisition attributes without a claim of physics.

    Scanning Sequence has no empty value: RM, research mode, is the one that names no sequence.
    Times stay empty, and Inversion Time is absent: it belongs to IR. There is no rescale in the MR
    IOD; brightness is arbitrary, on one scale for the whole series.
    """
    describe_pixels(ds, making, _BITS)
    ds.ScanningSequence = "RM"
    ds.SequenceVariant = "NONE"
    for keyword in ("ScanOptions", "MRAcquisitionType"):
        setattr(ds, keyword, "")
    for keyword in ("RepetitionTime", "EchoTime", "EchoTrainLength", "AcquisitionNumber"):
        setattr(ds, keyword, None)
    ds.PatientPosition = position_of(making)
    low, high = np.percentile(making.synthesis.stored.pixels, _WINDOW)
    width = max(1, round(float(high - low)))
    ds.WindowCenter, ds.WindowWidth = str(round(float(low) + width / 2)), str(width)


def _number_slice(ds: Dataset, number: int) -> None:
    """Write nothing: an MR slice has only its place and its pixels."""


MR = Iod(
    sop_class_uid=MRImageStorage,
    modality="MR",
    image_type=_image_type,
    describe=_describe,
    number_slice=_number_slice,
    bits=_BITS,
    dtype="<u2",
    with_value=("ScanningSequence", "SequenceVariant"),
    present=(
        "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength",
        "AcquisitionNumber", "PatientPosition",
    ),
    forbidden=(
        *ACQUISITION_MR, *ACQUISITION_XRAY,
        "InversionTime", "KVP", "RescaleSlope", "RescaleIntercept", "RescaleType",
        "AcquisitionContrast", "RealWorldValueMappingSequence",
    ),
    acquired=True,
)  # fmt: skip
