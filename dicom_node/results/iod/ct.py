"""What is a CT image's own: type, rescale, windows (PS3.3 A.3, C.8.2.1)."""

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import format_number_as_ds

from dicom_node.results.iod.common import (
    ACQUISITION_MR,
    ACQUISITION_XRAY,
    Iod,
    describe_pixels,
    position_of,
)
from dicom_node.results.making import Making

__all__ = ["CT"]

_BITS = (16, 12, 11, 0)


def _image_type(label: str) -> list[str]:  # noqa: ARG001 - a CT has no contrast to name
    """Value 4 is empty because it is for multi-energy images."""
    return ["DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"]


def _describe(ds: Dataset, making: Making) -> None:
    """KVP and Acquisition Number stand empty, and nothing is said of exposure: there was none."""
    stored = making.synthesis.stored
    describe_pixels(ds, making, _BITS)
    ds.AcquisitionNumber = None
    ds.KVP = None
    ds.PatientPosition = position_of(making)
    ds.RescaleIntercept = format_number_as_ds(stored.intercept)
    ds.RescaleSlope = format_number_as_ds(stored.slope)
    ds.RescaleType = "HU"
    ds.WindowCenter, ds.WindowWidth = ["40", "300"], ["400", "1500"]
    ds.WindowCenterWidthExplanation = ["SOFT_TISSUE", "BONE"]


def _number_slice(ds: Dataset, number: int) -> None:
    """Write nothing: a CT slice has only its place and its pixels."""


CT = Iod(
    sop_class_uid=CTImageStorage,
    modality="CT",
    image_type=_image_type,
    describe=_describe,
    number_slice=_number_slice,
    bits=_BITS,
    dtype="<u2",
    with_value=("RescaleIntercept", "RescaleSlope"),
    present=("AcquisitionNumber", "KVP", "PatientPosition"),
    forbidden=(
        *ACQUISITION_MR, *ACQUISITION_XRAY,
        "EchoTime", "RepetitionTime", "InversionTime", "ScanningSequence", "SequenceVariant",
        "MRAcquisitionType", "EchoTrainLength", "RealWorldValueMappingSequence",
    ),
    acquired=True,
)  # fmt: skip
