"""What each kind of image has of its own, as the gate wants it: PS3.3 A.3, A.4 and A.21.

These are written from the standard and from what was decided, and not taken from the modules that
write the same: what is wrong there is seen here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.valuerep import format_number_as_ds

from dicom_node.results.check.pixels import Bits, Histogram
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items
from dicom_node.results.making import Making
from dicom_node.results.valid import valid_text

__all__ = ["Kind", "kind_of"]

_POSITION = re.compile(r"([HF]F)(S|P|DR|DL)|[LR]F[PS]|[AP]FD[RL]")
"""PS3.3 C.7.3.1.1.2."""
_LIES = {
    "S": code("40199007", "SCT", "supine"),
    "P": code("1240000", "SCT", "prone"),
    "DR": code("102535000", "SCT", "right lateral decubitus"),
    "DL": code("102536004", "SCT", "left lateral decubitus"),
}
_ENTERS = {
    "HF": code("102540008", "SCT", "headfirst"),
    "FF": code("102541007", "SCT", "feet-first"),
}
_EMPTY_OF_MR = (
    "ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength",
    "AcquisitionNumber",
)  # fmt: skip
_EMPTY_OF_PET = (
    "CorrectedImage", "CollimatorType", "AcquisitionDate", "AcquisitionTime",
    "ActualFrameDuration", "RadiopharmaceuticalInformationSequence",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of image, as the gate knows it.

    Parameters
    ----------
    bits : Bits
        How a pixel is stored.
    table : callable
        What all slices have of the kind's own.
    of_slice : callable
        What slice ``z`` (from 0) has of it besides.
    slope : float or None
        Of every image of the kind; None where the values themselves set it.
    intercept : float
        Of every image of the kind.
    acquired : bool
        Whether the source's time of acquisition is the result's.
    """

    bits: Bits
    table: Callable[[Making], Table]
    of_slice: Callable[[int], Table]
    slope: float | None
    intercept: float
    acquired: bool


def kind_of(label: str) -> Kind:
    """Return the kind of image that ``label`` is; MR where it is neither CT nor PET."""
    return _KINDS.get(label, _MR)


def _common(sop_class_uid: str, modality: str, *image_type: str) -> dict[str, Wanted]:
    return {
        "SOPClassUID": exactly(sop_class_uid),
        "Modality": exactly(modality),
        "ImageType": exactly(*image_type),
    }


def _ct(making: Making) -> Table:
    return {
        **_common(
            "1.2.840.10008.5.1.4.1.1.2", "CT", "DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"
        ),
        "AcquisitionNumber": exactly(),
        "KVP": exactly(),
        "PatientPosition": _position(making),
        "RescaleIntercept": exactly(-1024.0),
        "RescaleSlope": exactly(1.0),
        "RescaleType": exactly("HU"),
        "WindowCenter": exactly(40.0, 300.0),
        "WindowWidth": exactly(400.0, 1500.0),
        "WindowCenterWidthExplanation": exactly("SOFT_TISSUE", "BONE"),
    }


def _mr(making: Making) -> Table:
    makes, seen = making.task.makes, Histogram(making.synthesis.stored.pixels)
    low, high = seen.percentile(1.0), seen.percentile(99.5)
    width = max(1, round(high - low))
    return {
        **_common(
            "1.2.840.10008.5.1.4.1.1.4", "MR", "DERIVED", "SECONDARY", "OTHER", makes, "SYNTHETIC"
        ),
        "ScanningSequence": exactly("RM"),
        "SequenceVariant": exactly("NONE"),
        **dict.fromkeys(_EMPTY_OF_MR, exactly()),
        "PatientPosition": _position(making),
        "WindowCenter": exactly(float(round(low + width / 2))),
        "WindowWidth": exactly(float(width)),
    }


def _pet(making: Making) -> Table:
    stored = making.synthesis.stored
    slope = float(format_number_as_ds(stored.slope))
    top = Histogram(stored.pixels).percentile(99.5) * stored.slope
    width = max(top, 32 * stored.slope)
    return {
        **_common("1.2.840.10008.5.1.4.1.1.128", "PT", "DERIVED", "PRIMARY", "SYNTHETIC"),
        **dict.fromkeys(_EMPTY_OF_PET, exactly()),
        **_orientation(_text_of_position(making)),
        "Units": exactly("NONE"),
        "CountsSource": exactly("EMISSION"),
        "SeriesType": exactly("STATIC", "IMAGE"),
        "NumberOfSlices": exactly(len(stored.pixels)),
        "DecayCorrection": exactly("NONE"),
        "FrameReferenceTime": exactly(0.0),
        "RescaleIntercept": exactly(0.0),
        "RescaleSlope": exactly(slope),
        "RealWorldValueMappingSequence": items(_meaning(slope)),
        "WindowCenter": exactly(width / 2),
        "WindowWidth": exactly(width),
        "VOILUTFunction": exactly("LINEAR_EXACT"),
    }


def _meaning(slope: float) -> Table:
    """Return what a stored value of PET means (PS3.3 C.7.6.16.2.11)."""
    return {
        "RealWorldValueFirstValueMapped": exactly(0),
        "RealWorldValueLastValueMapped": exactly(32767),
        "RealWorldValueIntercept": exactly(0.0),
        "RealWorldValueSlope": exactly(slope),
        "LUTExplanation": exactly("Ratio of uptake to that of the reference region"),
        "LUTLabel": exactly("SUVR"),
        "MeasurementUnitsCodeSequence": code("{ratio}", "UCUM", "ratio"),
    }


def _orientation(position: str) -> Table:
    """Return how the patient lay, in codes; empty sequences where they cannot say it."""
    found = _POSITION.fullmatch(position)
    enters, lies = found.groups(default="") if found else ("", "")
    if not lies:
        return dict.fromkeys(
            ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence"), exactly()
        )
    (recumbent,) = code("102538003", "SCT", "recumbent").values
    lying = {**recumbent, "PatientOrientationModifierCodeSequence": _LIES[lies]}
    return {
        "PatientOrientationCodeSequence": items(lying),
        "PatientGantryRelationshipCodeSequence": _ENTERS[enters],
    }


def _position(making: Making) -> Wanted:
    return exactly(_text_of_position(making))


def _text_of_position(making: Making) -> str:
    position = valid_text(making.sources[0].header, "PatientPosition")
    return position if _POSITION.fullmatch(position) else ""


def _nothing(z: int) -> Table:  # noqa: ARG001 - their slices have their place and their pixels
    return {}


def _index(z: int) -> Table:
    return {"ImageIndex": exactly(z + 1)}


_TWELVE = Bits(stored=12, signed=False, highest=4095)
_SIXTEEN = Bits(stored=16, signed=True, highest=32767)
_MR = Kind(_TWELVE, _mr, _nothing, slope=None, intercept=0.0, acquired=True)
_KINDS: Mapping[str, Kind] = {
    "CT": Kind(_TWELVE, _ct, _nothing, slope=1.0, intercept=-1024.0, acquired=True),
    "PT": Kind(_SIXTEEN, _pet, _index, slope=None, intercept=0.0, acquired=False),
}
