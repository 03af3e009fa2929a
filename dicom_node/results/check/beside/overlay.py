"""What the warning overlay has to be: SYNTHETIC over each slice, shown as the result itself says.

References
----------
PS3.3 A.33.1, C.10.4, C.10.5, C.10.7, C.11.1, C.11.8, C.11.10, C.11.15.
"""

import numpy as np

from dicom_node.results.check.beside.common import Bulk, Looks, pairs, referenced, shared
from dicom_node.results.check.geometry import wanted_planes
from dicom_node.results.check.kinds import kind_of
from dicom_node.results.check.wanted import Table, Wanted, exactly, items, near
from dicom_node.results.making import Making
from dicom_node.results.uids import series_uid

__all__ = ["overlay"]

_LOOKS = Looks("overlay", "1.2.840.10008.5.1.4.1.1.11.1", "PR", "Warning overlay", slot=6)
_LACKS = ("FrameOfReferenceUID", "PositionReferenceIndicator")
_NEAR = 1e-6
"""By how much a written number may be off."""


def overlay(making: Making) -> tuple[Table, Bulk | None]:
    """Return every element of the overlay, as it is wanted; none of it is bulk."""
    wanted = shared(making, _LOOKS, _LACKS)
    date, time = wanted.pop("ContentDate"), wanted.pop("ContentTime")
    slices = items(*referenced(pairs(making)))
    own = exactly(series_uid(making.job_key, making.task.makes))
    return {
        **wanted,
        "PresentationCreationDate": date,
        "PresentationCreationTime": time,
        "ContentLabel": exactly("SYNTHETIC"),
        "ContentDescription": exactly("SYNTHETIC - not acquired"),
        "ContentCreatorName": exactly(),
        "ReferencedSeriesSequence": items(
            {"SeriesInstanceUID": own, "ReferencedImageSequence": slices}
        ),
        "GraphicAnnotationSequence": items(
            {
                "GraphicLayer": exactly("SYNTHETIC"),
                "ReferencedImageSequence": slices,
                "TextObjectSequence": items(_text(making)),
            }
        ),
        "GraphicLayerSequence": items(
            {
                "GraphicLayer": exactly("SYNTHETIC"),
                "GraphicLayerOrder": exactly(1),
                "GraphicLayerRecommendedDisplayCIELabValue": exactly(45000, 43000, 51000),
                "GraphicLayerDescription": exactly("Says that the image is synthetic"),
            }
        ),
        "DisplayedAreaSelectionSequence": items(_area(making)),
        **_shown(making),
        "PresentationLUTShape": exactly("IDENTITY"),
    }, None


def _text(making: Making) -> Table:
    model = making.synthesis.provenance.model
    return {
        "BoundingBoxAnnotationUnits": exactly("DISPLAY"),
        "UnformattedTextValue": exactly(
            f"SYNTHETIC - not acquired\r\n{model.name} {model.version}"
        ),
        "BoundingBoxTopLeftHandCorner": _single(0.02, 0.02),
        "BoundingBoxBottomRightHandCorner": _single(0.6, 0.1),
        "BoundingBoxTextHorizontalJustification": exactly("LEFT"),
    }


def _single(*values: float) -> Wanted:
    """Return that these are wanted, as a number of four bytes holds them."""
    return exactly(*(float(np.float32(value)) for value in values))


def _area(making: Making) -> Table:
    rows, columns = making.synthesis.stored.pixels.shape[1:]
    return {
        "DisplayedAreaTopLeftHandCorner": exactly(1, 1),
        "DisplayedAreaBottomRightHandCorner": exactly(columns, rows),
        "PresentationSizeMode": exactly("SCALE TO FIT"),
        "PresentationPixelSpacing": near(wanted_planes(making)[0].spacing_mm, _NEAR),
    }


def _shown(making: Making) -> dict[str, Wanted]:
    """Return the result's own rescale and first window: without them it is shown otherwise."""
    image = kind_of(making.task.makes).table(making)
    window = {word: exactly(image[word].values[0]) for word in ("WindowCenter", "WindowWidth")}
    if "VOILUTFunction" in image:
        window["VOILUTFunction"] = image["VOILUTFunction"]
    wanted = {"SoftcopyVOILUTSequence": items(window)}
    if "RescaleSlope" in image:
        wanted |= {word: image[word] for word in ("RescaleIntercept", "RescaleSlope")}
        wanted["RescaleType"] = image.get("RescaleType", exactly("US"))
    return wanted
