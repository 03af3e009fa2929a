"""The facts of one frame as plain values, the same words for classic and Enhanced objects.

An Enhanced object keeps per frame, in functional groups, what a classic one keeps at its root. Here
both become one mapping from the classic keyword to a value, so nothing later asks which it was.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.valuerep import PersonName

__all__ = ["Header", "header_tags", "headers_of"]

Header: TypeAlias = Mapping[str, Any]
"""Keyword to value: numbers as float or int, several values as a tuple, text stripped."""

ROOT = (  # noqa: SIM905 - a hundred pairs of quotes would hide the words
    "SpecificCharacterSet SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID "
    "FrameOfReferenceUID StudyDate AcquisitionDate Modality Manufacturer "
    "ManufacturerModelName SoftwareVersions DeviceSerialNumber StationName "
    "StudyDescription SeriesDescription ProtocolName "
    "PerformedProcedureStepDescription RequestedProcedureDescription BodyPartExamined "
    "PatientID IssuerOfPatientID PatientName PatientBirthDate PatientSex PatientAge "
    "PatientSpeciesDescription DerivationDescription ImageComments ConversionType "
    "AnatomicalOrientationType PatientPosition SeriesNumber InstanceNumber AcquisitionNumber "
    "ImageType ScanningSequence SequenceVariant ScanOptions MRAcquisitionType SequenceName "
    "PulseSequenceName EchoPulseSequence EchoPlanarPulseSequence InversionRecovery AngioFlag "
    "TimeOfFlightContrast PhaseContrast SpectrallySelectedSuppression AcquisitionContrast "
    "ComplexImageComponent RepetitionTime EchoTime InversionTime FlipAngle EchoTrainLength "
    "EchoNumbers MagneticFieldStrength DiffusionBValue TemporalPositionIdentifier TriggerTime "
    "SteadyStatePulseSequence Spoiling MagnetizationTransfer ArterialSpinLabelingContrast "
    "ImagedNucleus ResonantNucleus ContrastBolusAgent ContrastBolusVolume KVP ConvolutionKernel "
    "AcquisitionType SpiralPitchFactor TableFeedPerRotation TableSpeed FilterType "
    "GantryDetectorTilt PositionReferenceIndicator PixelPresentation "
    "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness "
    "SpacingBetweenSlices Rows Columns SamplesPerPixel PhotometricInterpretation BitsAllocated "
    "BitsStored PixelRepresentation NumberOfFrames RescaleSlope RescaleIntercept RescaleType "
    "BurnedInAnnotation LossyImageCompression SyntheticData InstanceCreatorUID DeviceUID "
    "ContentQualification"
).split()  # fmt: skip
SEQUENCES = (  # noqa: SIM905
    "SharedFunctionalGroupsSequence PerFrameFunctionalGroupsSequence ContrastBolusAgentSequence "
    "AnatomicRegionSequence PatientSpeciesCodeSequence ContributingEquipmentSequence "
    "ProcedureCodeSequence RequestAttributesSequence ReferencedSeriesSequence "
    "RadiopharmaceuticalInformationSequence"
).split()  # fmt: skip
PRIVATE = {
    (0x0019, 0x100C): ("SIEMENS", "DiffusionBValue"),
    (0x0019, 0x109C): ("GE", "SequenceName"),
    (0x0019, 0x109E): ("GE", "PulseSequenceName"),
    (0x2001, 0x1013): ("PHILIPS", "EpiFactor"),
}
"""Vendor elements that tell diffusion or a sequence: tag, vendor, keyword."""
PRIVATE_OF_FRAMES = {(0x0021, 0x1175): "VendorImageType"}
"""The same in functional groups: Siemens XA writes the image type of its classic objects there."""

FRAME_WORDS = {
    "EffectiveEchoTime": "EchoTime",
    "InversionTimes": "InversionTime",
    "FrameType": "ImageType",
    "FrameAcquisitionNumber": "AcquisitionNumber",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "RFEchoTrainLength": "EchoTrainLength",
}
"""The word of the functional groups, and the classic word for the same thing."""


def header_tags() -> list[int]:
    """Return the tags to read from a file: all of these facts and no bulk data but its length."""
    words = (*ROOT, *SEQUENCES, "PixelData")
    tags = [tag for word in words if (tag := tag_for_keyword(word)) is not None]
    private = [(group << 16) + element for group, element in PRIVATE]
    creators = [tag & 0xFFFF0000 | (tag & 0xFF00) >> 8 for tag in private]  # they tell the VR
    return [*tags, *creators, *private]


def headers_of(ds: Dataset) -> Iterator[Header]:
    """Yield the facts of each frame of ``ds``, in frame order; of a classic object, once.

    References
    ----------
    PS3.3 C.7.6.16 (Multi-frame Functional Groups).
    """
    root = _root(ds)
    per_frame = ds.get("PerFrameFunctionalGroupsSequence")
    if not per_frame:
        yield root
        return
    common = ds.get("SharedFunctionalGroupsSequence") or ()
    shared, shared_vendor = _grouped(common, private=False), _grouped(common, private=True)
    for groups in per_frame:
        vendor = {**shared_vendor, **_grouped((groups,), private=True)}
        yield {**vendor, **root, **shared, **_grouped((groups,), private=False)}


def _root(ds: Dataset) -> dict[str, Any]:
    facts = {word: value for word in ROOT if (value := _plain(ds.get(word))) is not None}
    facts["ContrastBolusAgents"] = len(ds.get("ContrastBolusAgentSequence") or ())
    facts["AnatomicRegions"] = _codes(ds.get("AnatomicRegionSequence"))
    facts["PatientSpecies"] = _codes(ds.get("PatientSpeciesCodeSequence"))
    equipment = ds.get("ContributingEquipmentSequence") or ()
    facts["Equipment"] = tuple(
        code for item in equipment for code in _codes(item.get("PurposeOfReferenceCodeSequence"))
    )
    facts["EquipmentDevices"] = _words(equipment, "DeviceUID")
    facts["ReferencedSeries"] = _words(ds.get("ReferencedSeriesSequence"), "SeriesInstanceUID")
    facts["Procedures"] = _codes(ds.get("ProcedureCodeSequence")) + _words(
        ds.get("RequestAttributesSequence"),
        "RequestedProcedureDescription",
        "ScheduledProcedureStepDescription",
    )
    facts["TransferSyntaxUID"] = str(getattr(ds, "file_meta", {}).get("TransferSyntaxUID", ""))
    return {**_vendor_facts(ds, str(facts.get("Manufacturer", "")).upper()), **facts}


def _vendor_facts(ds: Dataset, maker: str) -> dict[str, Any]:
    """Return what only private elements say; it gives way where a standard one speaks."""
    facts: dict[str, Any] = {}
    for tag, (vendor, word) in PRIVATE.items():
        if vendor in maker and tag in ds:
            value = ds[tag].value
            text = value.decode("ascii", "ignore").strip(" \0") if type(value) is bytes else value
            if (plain := _plain(text)) is not None:
                facts[word] = plain
    return facts


def _grouped(items: Iterable[Dataset], *, private: bool) -> dict[str, Any]:
    """Flatten functional groups: every element of the first item of every group.

    Private groups come apart from the standard ones, because they give way to them: Philips repeats
    a classic header there, its own image type among it.
    """
    facts: dict[str, Any] = {}
    for item in items:
        for group in item:
            if group.tag.is_private == private and group.VR == "SQ" and group.value:
                facts.update(_elements(group.value[0]))
    return facts


def _elements(item: Dataset) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    for element in item:
        place = (element.tag.group, element.tag.element)
        word = element.keyword or PRIVATE_OF_FRAMES.get(place, "")
        if word == "AnatomicRegionSequence":
            facts["AnatomicRegions"] = _codes(element.value)
        elif word and (value := _plain(element.value)) is not None:
            facts[FRAME_WORDS.get(word, word)] = value
    return facts


def _codes(items: Iterable[Dataset] | None) -> tuple[str, ...]:
    """Return code values and meanings of a code sequence, for tests by either."""
    return _words(items, "CodeValue", "CodeMeaning")


def _words(items: Iterable[Dataset] | None, *words: str) -> tuple[str, ...]:
    """Return what the items of a sequence say under ``words``, empty values left out."""
    return tuple(
        text for item in items or () for word in words if (text := str(item.get(word, "")).strip())
    )


def _plain(value: Any) -> Any:
    """Return a value without pydicom's types; None where it is empty or of no use here."""
    if isinstance(value, MultiValue | list | tuple) and not isinstance(value, Sequence):
        return tuple(_plain(part) for part in value) or None
    for kind in (float, int):  # DS and IS are subclasses of these
        if isinstance(value, kind):
            return kind(value)
    return str(value).strip() or None if isinstance(value, PersonName | str) else None
