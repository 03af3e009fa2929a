"""What the map of the uncertainty has to be: each voxel's value, where the result's voxel lies.

References
----------
PS3.3 A.75, C.8.32, C.7.6.16, C.7.6.17.
"""

import numpy as np
from numpy.typing import NDArray

from dicom_node.dicom import derive_uid
from dicom_node.results.check.beside.common import (
    SCHEME,
    Bulk,
    Looks,
    pairs,
    referenced,
    shared,
)
from dicom_node.results.check.beside.figures import UNITS
from dicom_node.results.check.geometry import shape_of_slices, wanted_planes
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items, near
from dicom_node.results.making import Making, Plane
from dicom_node.results.uids import series_uid
from dicom_node.results.valid import valid_text
from dicom_node.results.words import name_of

__all__ = ["uncertainty"]

_LOOKS = Looks("uncertainty", "1.2.840.10008.5.1.4.1.1.30", "OT", "Uncertainty", slot=2)
_TYPE = exactly("DERIVED", "PRIMARY", "VOLUME", "QUANTITY")
_HIGHEST = 65535
_POSITION, _PLACE = 0x00200032, 0x00209113
"""Image Position (Patient), in Plane Position Sequence."""
_NEAR = 1e-6
_LACKS = "the model tells no uncertainty, and there is a map of it"


def uncertainty(making: Making) -> tuple[Table, Bulk | None]:
    """Return every element of the map but its pixels, and these, as they are wanted."""
    stored, step, faults = _stored(making)
    unit = making.synthesis.volume.unit if faults else _spread_unit(making)
    content = np.ascontiguousarray(stored).tobytes()
    bulk = Bulk("PixelData", "OW", content, "what the synthesis says", faults)
    most = int(stored.max()) if stored.size else 0
    return {
        **shared(making, _LOOKS),
        **_image(making, unit),
        **_pixels(making),
        **_dimension(making),
        "SharedFunctionalGroupsSequence": items(_same(making, unit, step, most)),
        "PerFrameFunctionalGroupsSequence": items(*_frames(making)),
    }, bulk


def _stored(making: Making) -> tuple[NDArray[np.uint16], float, tuple[str, ...]]:
    """Return what is stored, what a stored value counts, and what is wrong before that."""
    spread = making.synthesis.spread
    if spread is None:
        return np.zeros(making.synthesis.stored.pixels.shape, "<u2"), 1.0, (_LACKS,)
    values = np.asarray(spread.voxels, np.float64)
    lies_there = spread.grid.same_as(making.synthesis.volume.grid)
    faults = () if lies_there else ("the uncertainty lies elsewhere than the result",)
    step = 0.1 if spread.unit == "HU" else (float(values.max()) / _HIGHEST or 1.0)
    return np.minimum(np.rint(values / step), _HIGHEST).astype("<u2"), step, faults


def _spread_unit(making: Making) -> str:
    return "" if making.synthesis.spread is None else making.synthesis.spread.unit


def _image(making: Making, unit: str) -> Table:
    what = name_of(making)
    counted = f" in {unit}" if unit != "1" else ""
    defaced = valid_text(making.sources[0].header, "RecognizableVisualFeatures") == "NO"
    own = exactly(series_uid(making.job_key, making.task.makes))
    study = exactly(str(making.sources[0].header.get("StudyInstanceUID")))
    related = code("121323", "DCM", "Source series for image processing operation")
    return {
        "ImageType": _TYPE,
        "ContentLabel": exactly("UNCERTAINTY"),
        "ContentDescription": exactly(f"Uncertainty of a SYNTHETIC {what}"),
        "ContentCreatorName": exactly(),
        "ImageComments": exactly(
            f"SYNTHETIC: by how much each voxel of a synthetic {what} may be off, one standard "
            f"deviation{counted}; 0 outside of the body. Not acquired."
        ),
        "BurnedInAnnotation": exactly("NO"),
        "LossyImageCompression": exactly("00"),
        "RecognizableVisualFeatures": exactly(
            "YES" if making.recognizable and not defaced else "NO"
        ),
        "PresentationLUTShape": exactly("IDENTITY"),
        "PixelPresentation": exactly("MONOCHROME"),
        "AcquisitionContextSequence": exactly(),
        "ReferencedSeriesSequence": items(
            {
                "SeriesInstanceUID": own,
                "ReferencedInstanceSequence": items(*referenced(pairs(making))),
            }
        ),
        "RelatedSeriesSequence": items(
            {
                "StudyInstanceUID": study,
                "SeriesInstanceUID": own,
                "PurposeOfReferenceCodeSequence": related,
            }
        ),
    }


def _pixels(making: Making) -> Table:
    frames, rows, columns = making.synthesis.stored.pixels.shape
    return {
        "SamplesPerPixel": exactly(1),
        "PhotometricInterpretation": exactly("MONOCHROME2"),
        "NumberOfFrames": exactly(frames),
        "Rows": exactly(rows),
        "Columns": exactly(columns),
        "BitsAllocated": exactly(16),
        "BitsStored": exactly(16),
        "HighBit": exactly(15),
        "PixelRepresentation": exactly(0),
        "PixelData": exactly(),
    }


def _dimension(making: Making) -> Table:
    organisation = exactly(derive_uid("dimension", making.job_key, "uncertainty"))
    return {
        "DimensionOrganizationSequence": items({"DimensionOrganizationUID": organisation}),
        "DimensionIndexSequence": items(
            {
                "DimensionOrganizationUID": organisation,
                "DimensionIndexPointer": exactly(_POSITION),
                "FunctionalGroupPointer": exactly(_PLACE),
                "DimensionDescriptionLabel": exactly("Image Position Patient"),
            }
        ),
        "DimensionOrganizationType": exactly("3D"),
    }


def _same(making: Making, unit: str, step: float, most: int) -> Table:
    """Return what all frames have alike, as it is wanted."""
    shape = shape_of_slices(making)
    measures = ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices")
    window = {"WindowCenter": exactly((most + 1) // 2), "WindowWidth": exactly(max(most, 1))}
    same = {
        "RescaleIntercept": exactly(0),
        "RescaleSlope": exactly(1),
        "RescaleType": exactly("US"),
    }
    return {
        "PixelMeasuresSequence": items({word: shape[word] for word in measures}),
        "PlaneOrientationSequence": items(
            {"ImageOrientationPatient": shape["ImageOrientationPatient"]}
        ),
        "ParametricMapFrameTypeSequence": items({"FrameType": _TYPE}),
        "FrameVOILUTSequence": items(window),
        "PixelValueTransformationSequence": items(same),
        "RealWorldValueMappingSequence": items(_meaning(unit, step)),
    }


def _meaning(unit: str, step: float) -> Table:
    """Return what a stored value means, as it is wanted (PS3.3 C.7.6.16.2.11)."""
    quantity = {
        "ValueType": exactly("CODE"),
        "ConceptNameCodeSequence": code("246205007", "SCT", "Quantity"),
        "ConceptCodeSequence": code("386136009", "SCT", "Standard Deviation"),
    }
    value, meaning = UNITS.get(unit, ("1", "no units"))
    return {
        "RealWorldValueFirstValueMapped": exactly(0),
        "RealWorldValueLastValueMapped": exactly(_HIGHEST),
        "RealWorldValueIntercept": exactly(0.0),
        "RealWorldValueSlope": exactly(step),
        "LUTExplanation": exactly("One standard deviation of the error"),
        "LUTLabel": exactly("UNCERTAINTY"),
        "MeasurementUnitsCodeSequence": code(value, "UCUM", meaning),
        "QuantityDefinitionSequence": items(quantity),
    }


def _frames(making: Making) -> list[Table]:
    named = zip(referenced(pairs(making)), wanted_planes(making), strict=True)
    return [_frame(dict(slice_), plane, z) for z, (slice_, plane) in enumerate(named, start=1)]


def _frame(slice_: dict[str, Wanted], plane: Plane, number: int) -> Table:
    source = {
        **slice_,
        "SpatialLocationsPreserved": exactly("YES"),
        "PurposeOfReferenceCodeSequence": code(
            "121322", "DCM", "Source image for image processing operation"
        ),
    }
    derived = {
        "DerivationCodeSequence": code("SYN-010", SCHEME, "Estimation of voxel-wise uncertainty"),
        "SourceImageSequence": items(source),
    }
    return {
        "FrameContentSequence": items({"DimensionIndexValues": exactly(number)}),
        "PlanePositionSequence": items({"ImagePositionPatient": near(plane.position_mm, _NEAR)}),
        "DerivationImageSequence": items(derived),
    }
