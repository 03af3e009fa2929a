"""By how much each voxel of a result may be off, as a Parametric Map.

One frame per slice of the result, in its order and at its place. A stored value stands for one
standard deviation, by the real world value mapping alone: the IOD has no rescale.

References
----------
PS3.3 A.75 (Parametric Map IOD), C.8.32, C.7.6.16 (functional groups), C.7.6.17 (dimensions).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from dicom_node.dicom import derive_uid
from dicom_node.errors import OutputInvalid
from dicom_node.results.companions.common import begin, frames_of, unit_of
from dicom_node.results.companions.kinds import UNCERTAINTY
from dicom_node.results.copy import strict
from dicom_node.results.making import Making, SeriesMade
from dicom_node.results.provenance import SCHEME, code, references, source_images
from dicom_node.results.words import name_of
from engine.volume import Volume

__all__ = ["make_uncertainty"]

_TYPE = ["DERIVED", "PRIMARY", "VOLUME", "QUANTITY"]
_STEPS: Mapping[str, float] = {"HU": 0.1}
"""What a stored value counts, by the unit of the result; else the greatest value fills 16 bits."""
_MOST = 65535
_QUANTITY = ("246205007", "SCT", "Quantity")
_DEVIATION = ("386136009", "SCT", "Standard Deviation")
_ESTIMATED = ("SYN-010", SCHEME, "Estimation of voxel-wise uncertainty")


def make_uncertainty(making: Making, made: SeriesMade) -> Dataset | None:
    """Return the map of a result; None where its model has no limits, and so tells no uncertainty.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM, or the map does not lie where the result does.
    """
    spread = making.synthesis.spread
    if spread is None:
        return None
    if spread.shape[0] != len(made.datasets) or not spread.grid.same_as(
        making.synthesis.volume.grid
    ):
        raise OutputInvalid("the uncertainty lies on another grid than the result")
    ds = begin(making, made, UNCERTAINTY)
    try:
        with strict():
            pixels, step = _stored(spread)
            _describe(ds, making, made, spread.unit)
            _write_pixels(ds, pixels)
            _share(ds, made.datasets[0], _mapping(spread.unit, step), int(pixels.max()))
            _number_frames(ds, making, made)
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the uncertainty is no valid DICOM: {exc}") from exc
    return ds


def _stored(spread: Volume) -> tuple[NDArray[np.uint16], float]:
    """Return 16-bit values, and what one of them counts; what is beyond them is cut off."""
    values: NDArray[Any] = np.asarray(spread.voxels, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the uncertainty holds values that are no numbers")
    step = _STEPS.get(spread.unit) or float(values.max()) / _MOST or 1.0
    return np.clip(np.rint(values / step), 0, _MOST).astype("<u2"), step


def _describe(ds: Dataset, making: Making, made: SeriesMade, unit: str) -> None:
    """Write General Image and Parametric Map Image (PS3.3 C.7.6.1, C.8.32.2)."""
    what = name_of(making)
    counted = f" in {unit}" if unit != "1" else ""
    ds.ImageType = _TYPE
    ds.ContentLabel = "UNCERTAINTY"
    ds.ContentDescription = f"Uncertainty of a SYNTHETIC {what}"
    ds.ContentCreatorName = None
    ds.ImageComments = (
        f"SYNTHETIC: by how much each voxel of a synthetic {what} may be off, one standard "
        f"deviation{counted}; 0 outside of the body. Not acquired."
    )
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    shown = made.datasets[0].get("RecognizableVisualFeatures")
    ds.RecognizableVisualFeatures = "YES" if shown == "YES" else "NO"
    ds.PresentationLUTShape, ds.PixelPresentation = "IDENTITY", "MONOCHROME"
    ds.AcquisitionContextSequence = Items([])
    references(ds, [(made.series_uid, frames_of(made.datasets))])


def _write_pixels(ds: Dataset, pixels: NDArray[np.uint16]) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.add_new("PixelData", "OW", np.ascontiguousarray(pixels).tobytes())


def _share(ds: Dataset, first: Dataset, mapping: Dataset, most: int) -> None:
    """Write what all frames have alike."""
    measures, orientation, frame_type, shown = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = first.PixelSpacing
    measures.SliceThickness = first.SliceThickness
    measures.SpacingBetweenSlices = first.SpacingBetweenSlices
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    frame_type.FrameType = _TYPE
    shown.WindowCenter, shown.WindowWidth = str((most + 1) // 2), str(max(most, 1))
    same = Dataset()  # the IOD wants a transform that changes nothing
    same.RescaleIntercept, same.RescaleSlope, same.RescaleType = "0", "1", "US"
    group = Dataset()
    group.PixelMeasuresSequence = Items([measures])
    group.PlaneOrientationSequence = Items([orientation])
    group.ParametricMapFrameTypeSequence = Items([frame_type])
    group.FrameVOILUTSequence = Items([shown])
    group.PixelValueTransformationSequence = Items([same])
    group.RealWorldValueMappingSequence = Items([mapping])
    ds.SharedFunctionalGroupsSequence = Items([group])


def _mapping(unit: str, step: float) -> Dataset:
    """Return what a stored value means: so many of its unit, as a standard deviation."""
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = Items([code(*_QUANTITY)])
    quantity.ConceptCodeSequence = Items([code(*_DEVIATION)])
    value, meaning = unit_of(unit)
    item = Dataset()
    item.add_new("RealWorldValueFirstValueMapped", "US", 0)
    item.add_new("RealWorldValueLastValueMapped", "US", _MOST)
    item.RealWorldValueIntercept, item.RealWorldValueSlope = 0.0, step
    item.LUTExplanation = "One standard deviation of the error"
    item.LUTLabel = "UNCERTAINTY"
    item.MeasurementUnitsCodeSequence = Items([code(value, "UCUM", meaning)])
    item.QuantityDefinitionSequence = Items([quantity])
    return item


def _number_frames(ds: Dataset, making: Making, made: SeriesMade) -> None:
    """Write the one dimension, the place, and each frame's own: its place and its slice."""
    organisation = derive_uid("dimension", making.job_key, UNCERTAINTY.name)
    whole, index = Dataset(), Dataset()
    whole.DimensionOrganizationUID = index.DimensionOrganizationUID = organisation
    index.DimensionIndexPointer = Tag("ImagePositionPatient")
    index.FunctionalGroupPointer = Tag("PlanePositionSequence")
    index.DimensionDescriptionLabel = "Image Position Patient"
    ds.DimensionOrganizationSequence = Items([whole])
    ds.DimensionIndexSequence = Items([index])
    ds.DimensionOrganizationType = "3D"
    ds.PerFrameFunctionalGroupsSequence = Items(
        [_frame(one, number) for number, one in enumerate(made.datasets, 1)]
    )


def _frame(result: Dataset, number: int) -> Dataset:
    content, place, derived, frame = Dataset(), Dataset(), Dataset(), Dataset()
    content.DimensionIndexValues = number
    place.ImagePositionPatient = result.ImagePositionPatient
    derived.DerivationCodeSequence = Items([code(*_ESTIMATED)])
    derived.SourceImageSequence = source_images(frames_of([result]), same_grid=True)
    frame.FrameContentSequence = Items([content])
    frame.PlanePositionSequence = Items([place])
    frame.DerivationImageSequence = Items([derived])
    return frame
