"""What is a PET image's own: units, a tracer that nobody got, orientation (PS3.3 A.21, C.8.9)."""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import PositronEmissionTomographyImageStorage
from pydicom.valuerep import format_number_as_ds

from dicom_node.results.iod.common import (
    ACQUISITION_MR,
    ACQUISITION_XRAY,
    Iod,
    describe_pixels,
    position_of,
)
from dicom_node.results.making import Making
from dicom_node.results.provenance import code

__all__ = ["PET"]

_BITS = (16, 16, 15, 1)
_RECUMBENT = {
    "S": ("40199007", "supine"),
    "P": ("1240000", "prone"),
    "DR": ("102535000", "right lateral decubitus"),
    "DL": ("102536004", "left lateral decubitus"),
}
_GANTRY = {"HF": ("102540008", "headfirst"), "FF": ("102541007", "feet-first")}
"""CID 20 and CID 21 in SNOMED CT, by the letters of Patient Position."""


def _image_type(label: str) -> list[str]:  # noqa: ARG001 - a PET has no contrast to name
    """Value 2 of a PET image is an enumeration that holds PRIMARY alone (PS3.3 C.8.9.4.1.3)."""
    return ["DERIVED", "PRIMARY", "SYNTHETIC"]


def _describe(ds: Dataset, making: Making) -> None:
    """Write a ratio of uptakes: no dose, no times, no counts, for nothing was administered.

    Counts Source has no neutral value: EMISSION says what the values stand for. Patient Position
    must be absent beside the orientation sequence, even where that is empty.
    """
    stored = making.synthesis.stored
    describe_pixels(ds, making, _BITS)
    slope = format_number_as_ds(stored.slope)
    ds.RescaleIntercept, ds.RescaleSlope = "0", slope
    ds.Units = "NONE"
    ds.CountsSource = "EMISSION"
    ds.SeriesType = ["STATIC", "IMAGE"]
    ds.NumberOfSlices = stored.pixels.shape[0]
    ds.DecayCorrection = "NONE"
    for keyword in ("CorrectedImage", "CollimatorType", "AcquisitionDate", "AcquisitionTime"):
        setattr(ds, keyword, "")
    ds.ActualFrameDuration = None
    ds.RadiopharmaceuticalInformationSequence = Items([])
    ds.FrameReferenceTime = "0"
    _orient(ds, position_of(making))
    ds.RealWorldValueMappingSequence = Items([_mapping(float(slope))])
    top = float(np.percentile(stored.pixels, 99.5)) * stored.slope
    width = max(top, 32 * stored.slope)
    ds.WindowCenter, ds.WindowWidth = format_number_as_ds(width / 2), format_number_as_ds(width)
    ds.VOILUTFunction = "LINEAR_EXACT"  # the others want a width of 1 or more


def _orient(ds: Dataset, position: str) -> None:
    """Write how the patient lay (PS3.3 C.8.9.1: type 2 sequences in place of Patient Position)."""
    orientation, gantry = _RECUMBENT.get(position[2:]), _GANTRY.get(position[:2])
    lay, way = Items([]), Items([])
    if orientation is not None and gantry is not None:
        item = code("102538003", "SCT", "recumbent")
        item.PatientOrientationModifierCodeSequence = Items(
            [code(orientation[0], "SCT", orientation[1])]
        )
        lay, way = Items([item]), Items([code(gantry[0], "SCT", gantry[1])])
    ds.PatientOrientationCodeSequence = lay
    ds.PatientGantryRelationshipCodeSequence = way


def _mapping(slope: float) -> Dataset:
    """Return what a stored value means (PS3.3 C.7.6.16.2.11): a ratio, without unit."""
    item = Dataset()
    item.add_new("RealWorldValueFirstValueMapped", "SS", 0)
    item.add_new("RealWorldValueLastValueMapped", "SS", 32767)
    item.RealWorldValueIntercept = 0.0
    item.RealWorldValueSlope = slope
    item.LUTExplanation = "Ratio of uptake to that of the reference region"
    item.LUTLabel = "SUVR"
    item.MeasurementUnitsCodeSequence = Items([code("{ratio}", "UCUM", "ratio")])
    return item


def _number_slice(ds: Dataset, number: int) -> None:
    """Write Image Index (0054,1330): the place of the slice among all."""
    ds.ImageIndex = number


PET = Iod(
    sop_class_uid=PositronEmissionTomographyImageStorage,
    modality="PT",
    image_type=_image_type,
    describe=_describe,
    number_slice=_number_slice,
    bits=_BITS,
    dtype="<i2",
    with_value=(
        "RescaleIntercept", "RescaleSlope", "Units", "CountsSource", "SeriesType",
        "NumberOfSlices", "DecayCorrection", "FrameReferenceTime", "ImageIndex", "SeriesTime",
        "RealWorldValueMappingSequence",
    ),
    present=(
        "CorrectedImage", "CollimatorType", "AcquisitionDate", "AcquisitionTime",
        "ActualFrameDuration", "RadiopharmaceuticalInformationSequence",
        "PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence",
    ),
    forbidden=(
        *ACQUISITION_MR, *ACQUISITION_XRAY,
        "PatientPosition", "KVP", "SUVType", "DoseCalibrationFactor", "DecayFactor", "EchoTime",
        "RepetitionTime", "InversionTime", "ScanningSequence", "SequenceVariant",
        "MRAcquisitionType", "EchoTrainLength",
    ),
    acquired=False,
)  # fmt: skip
