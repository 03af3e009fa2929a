"""The one Enhanced MR object that holds all slices (PS3.3 A.36.2)."""

from typing import Any
from uuid import uuid5

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import UID

from engine.volume import Volume
from train.phantom.series.common import (
    DATE,
    NAMESPACE,
    TIME,
    code,
    cosines,
    decimal,
    item,
    numbers,
    origin,
    put,
)
from train.phantom.vendors import Style

__all__ = ["enhanced"]


def enhanced(volume: Volume, style: Style, shared: Dataset, scale: float) -> Dataset:
    """Build the object from what its series shares; ``scale`` is the value of one step."""
    ds = Dataset()
    ds.update(shared)
    put(ds, _pulse_sequence(style))
    put(ds, _FRAME_TYPE)
    put(ds, style.attributes)
    put(ds, {"MultipleSpinEcho": "NO"} if ds.EchoPulseSequence == "SPIN" else {})
    dimension = UID(f"2.25.{uuid5(NAMESPACE, ds.SeriesInstanceUID).int}")
    put(ds, {
        "NumberOfFrames": volume.shape[0], "ContentQualification": "RESEARCH",
        "AcquisitionDateTime": f"{DATE}{TIME}", "AcquisitionDuration": 240.0,
        "ResonantNucleus": "1H", "KSpaceFiltering": "NONE", "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00", "PresentationLUTShape": "IDENTITY",
        "ApplicableSafetyStandardAgency": "IEC", "AcquisitionContextSequence": [],
        "DimensionOrganizationSequence": item({"DimensionOrganizationUID": dimension}),
        "DimensionIndexSequence": [
            *_dimension("StackID", dimension), *_dimension("InStackPositionNumber", dimension)
        ],
        "SharedFunctionalGroupsSequence": item(_shared(volume, style, scale)),
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
    return item({
        "DimensionOrganizationUID": organization,
        "DimensionIndexPointer": tag_for_keyword(keyword),
        "FunctionalGroupPointer": tag_for_keyword("FrameContentSequence"),
    })  # fmt: skip


def _shared(volume: Volume, style: Style, scale: float) -> dict[str, list[Dataset]]:
    """Functional groups that hold for all frames."""
    step, spacing_y, spacing_x = volume.grid.spacing_mm
    anatomy = code("12738006", "SCT", "Brain")
    frame_type = {"FrameType": style.sequence.image_type, **_FRAME_TYPE}
    frame_type["AcquisitionContrast"] = style.attributes["AcquisitionContrast"]
    return {
        "PixelMeasuresSequence": item({
            "PixelSpacing": numbers(np.array([spacing_y, spacing_x])),
            "SliceThickness": decimal(step),
            "SpacingBetweenSlices": decimal(step),
        }),
        "PlaneOrientationSequence": item({"ImageOrientationPatient": cosines(volume)}),
        "FrameAnatomySequence": item(
            {"FrameLaterality": "U", "AnatomicRegionSequence": anatomy}
        ),
        "PixelValueTransformationSequence": item({
            "RescaleIntercept": 0, "RescaleSlope": decimal(scale), "RescaleType": "US",
        }),
        "FrameVOILUTSequence": item({
            "WindowCenter": decimal(1200 * scale),
            "WindowWidth": decimal(max(2400 * scale, 1.0)),
        }),
        "MRImageFrameTypeSequence": item(frame_type),
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
        "MREchoSequence": item({"EffectiveEchoTime": one.te}),
        "MRModifierSequence": item(modifier),
        "MRTimingAndRelatedParametersSequence": item({
            "RepetitionTime": one.tr, "FlipAngle": one.flip, "EchoTrainLength": one.train,
            "RFEchoTrainLength": one.train if spin else 0,
            "GradientEchoTrainLength": 0 if spin else 1,
            "GradientOutputType": "DB_DT", "GradientOutput": 20.0,
            "SpecificAbsorptionRateSequence": item({
                "SpecificAbsorptionRateDefinition": "IEC_HEAD", "SpecificAbsorptionRateValue": 0.1,
            }),
            "OperatingModeSequence": item({
                "OperatingModeType": "RF", "OperatingMode": "IEC_NORMAL",
            }),
        }),
        "MRImagingModifierSequence": item({
            "MagnetizationTransfer": "NONE", "BloodSignalNulling": "NO", "Tagging": "NONE",
            "TransmitterFrequency": 123.25, "PixelBandwidth": 240,
        }),
        "MRFOVGeometrySequence": item({
            "InPlanePhaseEncodingDirection": "ROW", "PercentSampling": 100,
            "PercentPhaseFieldOfView": 100, "MRAcquisitionFrequencyEncodingSteps": volume.shape[2],
            "MRAcquisitionPhaseEncodingStepsInPlane": volume.shape[1],
            "MRAcquisitionPhaseEncodingStepsOutOfPlane": volume.shape[0],
        }),
        "MRReceiveCoilSequence": item({
            "ReceiveCoilName": "HEAD", "ReceiveCoilManufacturerName": None,
            "ReceiveCoilType": "VOLUME", "QuadratureReceiveCoil": "YES",
        }),
        "MRTransmitCoilSequence": item({
            "TransmitCoilName": "BODY", "TransmitCoilManufacturerName": None,
            "TransmitCoilType": "BODY",
        }),
        "MRAveragesSequence": item({"NumberOfAverages": 1}),
    }  # fmt: skip


def _frame(volume: Volume, index: int) -> list[Dataset]:
    """Build what differs from frame to frame: where it lies."""
    moment = f"{DATE}{TIME}"
    return item({
        "FrameContentSequence": item({
            "FrameAcquisitionDateTime": moment, "FrameReferenceDateTime": moment,
            "FrameAcquisitionDuration": 240000.0, "FrameAcquisitionNumber": 1,
            "StackID": "1", "InStackPositionNumber": index + 1, "TemporalPositionIndex": 1,
            "DimensionIndexValues": [1, index + 1],
        }),
        "PlanePositionSequence": item(
            {"ImagePositionPatient": numbers(origin(volume, index))}
        ),
    })  # fmt: skip
