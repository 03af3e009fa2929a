"""The word SYNTHETIC over each slice, as a Grayscale Softcopy Presentation State.

A second line, not the only mark: viewers need not load it. It shows the result as its own headers
do, for a state without a window would mean the full range.

References
----------
PS3.3 A.33.1 (Grayscale Softcopy Presentation State IOD), C.10.4, C.10.5, C.10.7, C.11.
"""

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items

from dicom_node.errors import OutputInvalid
from dicom_node.results.companions.common import begin, frames_of, referenced
from dicom_node.results.companions.kinds import OVERLAY
from dicom_node.results.copy import strict
from dicom_node.results.making import Making, SeriesMade

__all__ = ["make_overlay"]

_LAYER = "SYNTHETIC"
_ORANGE = [45000, 43000, 51000]
"""CIELab as PS3.3 C.10.7.1.1 scales it: bright, between red and yellow."""


def make_overlay(making: Making, made: SeriesMade) -> Dataset:
    """Return the state that writes SYNTHETIC over every slice of a result.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM.
    """
    ds, first = begin(making, made, OVERLAY), made.datasets[0]
    try:
        with strict():
            ds.PresentationCreationDate = ds.ContentDate
            ds.PresentationCreationTime = ds.ContentTime
            del ds.ContentDate, ds.ContentTime
            ds.ContentLabel, ds.ContentDescription = "SYNTHETIC", "SYNTHETIC - not acquired"
            ds.ContentCreatorName = None
            _refer(ds, made)
            _write(ds, making, made)
            _show(ds, first)
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the overlay is no valid DICOM: {exc}") from exc
    return ds


def _refer(ds: Dataset, made: SeriesMade) -> None:
    series = Dataset()
    series.SeriesInstanceUID = made.series_uid
    series.ReferencedImageSequence = referenced(frames_of(made.datasets))
    ds.ReferencedSeriesSequence = Items([series])


def _write(ds: Dataset, making: Making, made: SeriesMade) -> None:
    """Write one text into the corner of every slice."""
    model = making.synthesis.provenance.model
    text = Dataset()
    text.BoundingBoxAnnotationUnits = "DISPLAY"
    text.UnformattedTextValue = f"SYNTHETIC - not acquired\r\n{model.name} {model.version}"
    text.BoundingBoxTopLeftHandCorner = [0.02, 0.02]
    text.BoundingBoxBottomRightHandCorner = [0.6, 0.10]
    text.BoundingBoxTextHorizontalJustification = "LEFT"
    annotation = Dataset()
    annotation.GraphicLayer = _LAYER
    annotation.ReferencedImageSequence = referenced(frames_of(made.datasets))
    annotation.TextObjectSequence = Items([text])
    layer = Dataset()
    layer.GraphicLayer, layer.GraphicLayerOrder = _LAYER, 1
    layer.GraphicLayerRecommendedDisplayCIELabValue = _ORANGE
    layer.GraphicLayerDescription = "Says that the image is synthetic"
    ds.GraphicAnnotationSequence = Items([annotation])
    ds.GraphicLayerSequence = Items([layer])


def _show(ds: Dataset, first: Dataset) -> None:
    """Write how the images are shown: whole, by their own rescale and their first window."""
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [first.Columns, first.Rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelSpacing = first.PixelSpacing
    ds.DisplayedAreaSelectionSequence = Items([area])
    if "RescaleSlope" in first:  # an MR image has none: its stored values are what is shown
        ds.RescaleIntercept, ds.RescaleSlope = first.RescaleIntercept, first.RescaleSlope
        ds.RescaleType = first.get("RescaleType") or "US"
    window = Dataset()
    window.WindowCenter, window.WindowWidth = _one(first.WindowCenter), _one(first.WindowWidth)
    if first.get("VOILUTFunction"):
        window.VOILUTFunction = first.VOILUTFunction
    ds.SoftcopyVOILUTSequence = Items([window])
    ds.PresentationLUTShape = "IDENTITY"


def _one(value: object) -> object:
    return value[0] if isinstance(value, MultiValue | list) else value
