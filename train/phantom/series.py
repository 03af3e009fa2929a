"""A phantom volume written as the DICOM series of a scanner.

What enters: a volume of any orientation, a header style and an evident phantom's identity. What
leaves: valid Part 10 files, the same bytes for the same input. The objects say that their subject
is a phantom in the patient's name and comments and in the institution; the series itself looks
acquired, because that is what is to be tried.

References
----------
PS3.3 A.4 (MR), A.36 (Enhanced MR), A.3 (CT); C.7.6.2.1.1 (positions and orientations); PS3.5 B.2
(UIDs from UUIDs).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from engine.volume import Volume
from train.phantom.vendors import Style

__all__ = ["Patient", "write_series"]

_NAMESPACE = uuid5(NAMESPACE_URL, "phantom-series/v1")
_FULL_SCALE = 4000.0
"""What the brightest voxel of an MR volume is stored as; 12 bits end at 4095."""
_CT_INTERCEPT = -1024
_DATE, _TIME = "20240102", "101500"
_WINDOW = {"WindowCenter": 1200, "WindowWidth": 2400}
"""In stored values; classic MR has no rescale."""


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom the series claim to show, and which examination they belong to.

    Parameters
    ----------
    seed : str
        All UIDs follow from it: one seed is one study in one frame of reference.
    name, patient_id : str
        Evidently those of a phantom.
    study_description : str
        (0008,1030); names the head, since some styles do so nowhere else.
    """

    seed: str = "head-01"
    name: str = "PHANTOM^HEAD01"
    patient_id: str = "PHANTOM-01"
    study_description: str = "Head"

    def uid(self, *parts: object) -> UID:
        """Return the UID of whatever ``parts`` name, always the same."""
        text = "".join(f"{len(str(part))}:{part}" for part in (self.seed, *parts))
        return UID(f"2.25.{uuid5(_NAMESPACE, text).int}")


def write_series(
    volume: Volume,
    style: Style,
    who: Patient,
    out: Path,
    *,
    number: int = 1,
    shuffled: bool = False,
) -> list[Path]:
    """Write ``volume`` as one series and return its files in the order of the volume's slices.

    Parameters
    ----------
    volume : Volume
        (Z, Y, X); Hounsfield units for a CT style, arbitrary intensities else.
    style : Style
        How the header looks.
    who : Patient
        Patient and study.
    out : Path
        Folder; made when it is not there.
    number : int
        Series Number; series of one study differ in it.
    shuffled : bool
        File names and instance numbers in an order that has nothing to do with the slices, as files
        come from a network.
    """
    out.mkdir(parents=True, exist_ok=True)
    stored, scale = _stored(volume, style)
    common = _common(volume, style, who, number)
    if style.enhanced:
        ds = _enhanced(volume, style, common, scale)
        ds.SOPInstanceUID = who.uid(style.name, number, "instance")
        ds.PixelData = stored.tobytes()
        return [_save(ds, out / f"{style.name}-{number}.dcm")]
    slices = volume.shape[0]
    order = np.random.default_rng(number).permutation(slices) if shuffled else np.arange(slices)
    paths = []
    for index, place in enumerate(order):
        ds = _classic(volume, style, common, index)
        ds.InstanceNumber = int(place) + 1
        ds.SOPInstanceUID = who.uid(style.name, number, "instance", index)
        ds.PixelData = stored[index].tobytes()
        paths.append(_save(ds, out / f"{style.name}-{number}-{place + 1:04d}.dcm"))
    return paths


def _stored(volume: Volume, style: Style) -> tuple[NDArray[np.uint16], float]:
    """Return 12-bit integers, and the value of one step."""
    voxels = np.asarray(volume.voxels, dtype=np.float64)
    if style.modality == "CT":
        return np.clip(np.round(voxels) - _CT_INTERCEPT, 0, 4095).astype("<u2"), 1.0
    top = float(voxels.max())
    scale = top / _FULL_SCALE if top > 0 else 1.0
    return np.clip(np.round(voxels / scale), 0, 4095).astype("<u2"), scale


def _save(ds: Dataset, path: Path) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    ds.save_as(path, enforce_file_format=True)
    return path


def _put(ds: Dataset, values: Mapping[str, Any]) -> None:
    """Set attributes by keyword; None is an empty value, as type 2 allows."""
    for keyword, value in values.items():
        setattr(ds, keyword, list(value) if isinstance(value, tuple) else value)


def _decimal(value: float) -> str:
    """Return a decimal string; rounded, since -99.99999999999999 comes out with 17 characters."""
    return format_number_as_ds(round(float(value), 9) + 0.0)


def _numbers(values: NDArray[np.float64]) -> list[str]:
    return [_decimal(value) for value in values]


def _common(volume: Volume, style: Style, who: Patient, number: int) -> Dataset:
    """Build all that the instances of the series share."""
    classes = {"CT": CTImageStorage, "MR": MRImageStorage}
    ds = Dataset()
    _put(ds, {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": EnhancedMRImageStorage if style.enhanced else classes[style.modality],
        "ImageType": style.sequence.image_type,
        "StudyDate": _DATE, "SeriesDate": _DATE, "AcquisitionDate": _DATE, "ContentDate": _DATE,
        "StudyTime": _TIME, "SeriesTime": _TIME, "AcquisitionTime": _TIME, "ContentTime": _TIME,
        "AccessionNumber": "", "ReferringPhysicianName": None, "Modality": style.modality,
        "InstitutionName": "PHANTOM LABORATORY",
        "StudyDescription": who.study_description,
        "SeriesDescription": style.sequence.description,
        "PatientName": who.name, "PatientID": who.patient_id,
        "PatientBirthDate": "19700101", "PatientSex": "O", "PatientAge": "054Y",
        "PatientWeight": 75, "PatientComments": "numerical phantom, no person",
        "ProtocolName": style.protocol or style.sequence.description, "PatientPosition": "HFS",
        "StudyInstanceUID": who.uid("study"), "SeriesInstanceUID": who.uid(style.name, number),
        "FrameOfReferenceUID": who.uid("frame"), "PositionReferenceIndicator": None,
        "StudyID": "1", "SeriesNumber": number, "AcquisitionNumber": 1, "InstanceNumber": 1,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "Rows": volume.shape[1], "Columns": volume.shape[2],
        "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
    })  # fmt: skip
    _put(ds, {"BodyPartExamined": style.body_part} if style.body_part else {"Laterality": None})
    _put(ds, style.equipment)
    _put(ds, style.attributes)
    for element in style.private:
        block = ds.private_block(element.group, element.creator, create=True)
        block.add_new(element.element, element.vr, element.value)
    return ds


def _cosines(volume: Volume) -> list[str]:
    """Return the direction of a row, then of a column."""
    _, spacing_y, spacing_x = volume.grid.spacing_mm
    axes = volume.affine[:3, [2, 1]] / (spacing_x, spacing_y)
    return _numbers(axes.T.reshape(-1))


def _origin(volume: Volume, index: int) -> NDArray[np.float64]:
    return volume.affine[:3, 3] + index * volume.affine[:3, 0]


def _classic(volume: Volume, style: Style, common: Dataset, index: int) -> Dataset:
    """Build one slice."""
    ds = Dataset()
    ds.update(common)
    step, spacing_y, spacing_x = volume.grid.spacing_mm
    normal = np.cross(volume.affine[:3, 2], volume.affine[:3, 1])
    along = float(normal @ _origin(volume, index) / np.linalg.norm(normal))
    _put(ds, {
        "ImagePositionPatient": _numbers(_origin(volume, index)),
        "ImageOrientationPatient": _cosines(volume),
        "PixelSpacing": _numbers(np.array([spacing_y, spacing_x])),
        "SliceThickness": _decimal(step), "SliceLocation": _decimal(along),
    })  # fmt: skip
    if style.modality == "CT":
        _put(ds, {"RescaleIntercept": _CT_INTERCEPT, "RescaleSlope": 1, "RescaleType": "HU"})
        _put(ds, {"ScanOptions": style.sequence.options} if style.sequence.options else {})
        return ds
    _put(ds, _timing(style))
    _put(ds, {"SpacingBetweenSlices": _decimal(step)})
    _put(ds, _WINDOW)
    return ds


def _timing(style: Style) -> dict[str, Any]:
    """Return the attributes of the MR Image module that tell the sequence (PS3.3 C.8.3.1)."""
    one = style.sequence
    facts = {
        "ScanningSequence": one.scanning, "SequenceVariant": one.variant,
        "ScanOptions": one.options or None, "MRAcquisitionType": one.dimension,
        "RepetitionTime": one.tr, "EchoTime": one.te, "EchoTrainLength": one.train,
        "FlipAngle": one.flip, "EchoNumbers": 1, "NumberOfAverages": 1, "ImagedNucleus": "1H",
        "ImagingFrequency": 123.25, "AngioFlag": "N", "PixelBandwidth": 240,
    }  # fmt: skip
    if one.ti is not None:
        facts["InversionTime"] = one.ti
    if one.vendor_name:
        facts["SequenceName"] = one.vendor_name
    return facts


def _item(values: Mapping[str, Any]) -> list[Dataset]:
    ds = Dataset()
    _put(ds, values)
    return [ds]


def _code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    return _item({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})


def _enhanced(volume: Volume, style: Style, common: Dataset, scale: float) -> Dataset:
    """Build the one object that holds all slices (PS3.3 A.36.2)."""
    ds = Dataset()
    ds.update(common)
    _put(ds, _pulse_sequence(style))
    _put(ds, _FRAME_TYPE)
    _put(ds, style.attributes)
    _put(ds, {"MultipleSpinEcho": "NO"} if ds.EchoPulseSequence == "SPIN" else {})
    dimension = UID(f"2.25.{uuid5(_NAMESPACE, ds.SeriesInstanceUID).int}")
    _put(ds, {
        "NumberOfFrames": volume.shape[0], "ContentQualification": "RESEARCH",
        "AcquisitionDateTime": f"{_DATE}{_TIME}", "AcquisitionDuration": 240.0,
        "ResonantNucleus": "1H", "KSpaceFiltering": "NONE", "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00", "PresentationLUTShape": "IDENTITY",
        "ApplicableSafetyStandardAgency": "IEC", "AcquisitionContextSequence": [],
        "DimensionOrganizationSequence": _item({"DimensionOrganizationUID": dimension}),
        "DimensionIndexSequence": [
            *_dimension("StackID", dimension), *_dimension("InStackPositionNumber", dimension)
        ],
        "SharedFunctionalGroupsSequence": _item(_shared(volume, style, scale)),
        "PerFrameFunctionalGroupsSequence": [
            _frame(volume, index)[0] for index in range(volume.shape[0])
        ],
    })  # fmt: skip
    for keyword in ("AcquisitionDate", "AcquisitionTime", "Laterality"):
        if keyword in ds:
            delattr(ds, keyword)
    return ds


_FRAME_TYPE = {
    "PixelPresentation": "MONOCHROME", "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE", "ComplexImageComponent": "MAGNITUDE",
}  # fmt: skip


def _pulse_sequence(style: Style) -> dict[str, Any]:
    """PS3.3 C.8.13.4."""
    return {
        "PulseSequenceName": style.sequence.vendor_name,
        "MRAcquisitionType": style.sequence.dimension, "MultiPlanarExcitation": "NO",
        "PhaseContrast": "NO", "TimeOfFlightContrast": "NO",
        "SteadyStatePulseSequence": "NONE", "EchoPlanarPulseSequence": "NO",
        "SaturationRecovery": "NO", "SpectrallySelectedSuppression": "NONE",
        "OversamplingPhase": "NONE", "GeometryOfKSpaceTraversal": "RECTILINEAR",
        "RectilinearPhaseEncodeReordering": "LINEAR", "SegmentedKSpaceTraversal": "SINGLE",
        "CoverageOfKSpace": "FULL", "NumberOfKSpaceTrajectories": 1,
    }  # fmt: skip


def _dimension(keyword: str, organization: UID) -> list[Dataset]:
    return _item({
        "DimensionOrganizationUID": organization,
        "DimensionIndexPointer": tag_for_keyword(keyword),
        "FunctionalGroupPointer": tag_for_keyword("FrameContentSequence"),
    })  # fmt: skip


def _shared(volume: Volume, style: Style, scale: float) -> dict[str, list[Dataset]]:
    """Functional groups that hold for all frames."""
    step, spacing_y, spacing_x = volume.grid.spacing_mm
    anatomy = _code("12738006", "SCT", "Brain")
    frame_type = {"FrameType": style.sequence.image_type, **_FRAME_TYPE}
    frame_type["AcquisitionContrast"] = style.attributes["AcquisitionContrast"]
    return {
        "PixelMeasuresSequence": _item({
            "PixelSpacing": _numbers(np.array([spacing_y, spacing_x])),
            "SliceThickness": _decimal(step),
            "SpacingBetweenSlices": _decimal(step),
        }),
        "PlaneOrientationSequence": _item({"ImageOrientationPatient": _cosines(volume)}),
        "FrameAnatomySequence": _item(
            {"FrameLaterality": "U", "AnatomicRegionSequence": anatomy}
        ),
        "PixelValueTransformationSequence": _item({
            "RescaleIntercept": 0, "RescaleSlope": _decimal(scale), "RescaleType": "US",
        }),
        "FrameVOILUTSequence": _item({
            "WindowCenter": _decimal(1200 * scale),
            "WindowWidth": _decimal(max(2400 * scale, 1.0)),
        }),
        "MRImageFrameTypeSequence": _item(frame_type),
        **_measured(volume, style),
    }  # fmt: skip


def _measured(volume: Volume, style: Style) -> dict[str, list[Dataset]]:
    """PS3.3 C.8.13.5: how the frames were acquired."""
    one = style.sequence
    spin = style.attributes["EchoPulseSequence"] == "SPIN"
    modifier: dict[str, Any] = {
        "InversionRecovery": "NO" if one.ti is None else "YES", "FlowCompensation": "NONE",
        "Spoiling": "NONE" if spin else "RF", "T2Preparation": "NO",
        "SpectrallySelectedExcitation": "NONE", "SpatialPresaturation": "NONE",
        "PartialFourier": "NO", "ParallelAcquisition": "NO",
    }  # fmt: skip
    if one.ti is not None:
        modifier["InversionTimes"] = one.ti
    return {
        "MREchoSequence": _item({"EffectiveEchoTime": one.te}),
        "MRModifierSequence": _item(modifier),
        "MRTimingAndRelatedParametersSequence": _item({
            "RepetitionTime": one.tr, "FlipAngle": one.flip, "EchoTrainLength": one.train,
            "RFEchoTrainLength": one.train if spin else 0,
            "GradientEchoTrainLength": 0 if spin else 1,
            "GradientOutputType": "DB_DT", "GradientOutput": 20.0,
            "SpecificAbsorptionRateSequence": _item({
                "SpecificAbsorptionRateDefinition": "IEC_HEAD", "SpecificAbsorptionRateValue": 0.1,
            }),
            "OperatingModeSequence": _item({
                "OperatingModeType": "RF", "OperatingMode": "IEC_NORMAL",
            }),
        }),
        "MRImagingModifierSequence": _item({
            "MagnetizationTransfer": "NONE", "BloodSignalNulling": "NO", "Tagging": "NONE",
            "TransmitterFrequency": 123.25, "PixelBandwidth": 240,
        }),
        "MRFOVGeometrySequence": _item({
            "InPlanePhaseEncodingDirection": "ROW", "PercentSampling": 100,
            "PercentPhaseFieldOfView": 100, "MRAcquisitionFrequencyEncodingSteps": volume.shape[2],
            "MRAcquisitionPhaseEncodingStepsInPlane": volume.shape[1],
            "MRAcquisitionPhaseEncodingStepsOutOfPlane": volume.shape[0],
        }),
        "MRReceiveCoilSequence": _item({
            "ReceiveCoilName": "HEAD", "ReceiveCoilManufacturerName": None,
            "ReceiveCoilType": "VOLUME", "QuadratureReceiveCoil": "YES",
        }),
        "MRTransmitCoilSequence": _item({
            "TransmitCoilName": "BODY", "TransmitCoilManufacturerName": None,
            "TransmitCoilType": "BODY",
        }),
        "MRAveragesSequence": _item({"NumberOfAverages": 1}),
    }  # fmt: skip


def _frame(volume: Volume, index: int) -> list[Dataset]:
    """Build what differs from frame to frame: where it lies."""
    moment = f"{_DATE}{_TIME}"
    return _item({
        "FrameContentSequence": _item({
            "FrameAcquisitionDateTime": moment, "FrameReferenceDateTime": moment,
            "FrameAcquisitionDuration": 240000.0, "FrameAcquisitionNumber": 1,
            "StackID": "1", "InStackPositionNumber": index + 1, "TemporalPositionIndex": 1,
            "DimensionIndexValues": [1, index + 1],
        }),
        "PlanePositionSequence": _item(
            {"ImagePositionPatient": _numbers(_origin(volume, index))}
        ),
    })  # fmt: skip
