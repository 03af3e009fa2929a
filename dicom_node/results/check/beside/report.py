"""What the quality report has to be: its whole tree, item by item.

References
----------
PS3.3 A.35.13, C.17; PS3.16 TID 1500, 1501, 1004, 1600, 1601, 1604, 4019.
"""

from dicom_node.dicom import MANUFACTURER, MODEL_NAME, derive_uid
from dicom_node.results.check.beside.common import (
    NOT_OF_DOCUMENTS,
    SCHEME,
    Bulk,
    Looks,
    pairs,
    referenced,
    shared,
)
from dicom_node.results.check.beside.figures import answers, figures
from dicom_node.results.check.beside.tree import (
    coded,
    container,
    image,
    number,
    text,
    uid,
)
from dicom_node.results.check.geometry import shape_of_slices, wanted_planes
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items
from dicom_node.results.making import Making, Plane
from dicom_node.results.uids import series_uid
from dicom_node.results.words import name_of
from engine.task import LABELS_MR

__all__ = ["report"]

_LOOKS = Looks("report", "1.2.840.10008.5.1.4.1.1.88.34", "SR", "Quality report", slot=4)
_MODALITIES = {
    "CT": ("CT", "DCM", "Computed Tomography"),
    "PT": ("PT", "DCM", "Positron emission tomography"),
}
_MR = ("MR", "DCM", "Magnetic Resonance")
_MRI = ("25056-3", "LN", "MRI unspecified body region")
_IMAGING = ("363679005", "SCT", "Imaging procedure")
_YES, _NO = ("373066001", "SCT", "Yes"), ("373067005", "SCT", "No")
_OBSERVED, _ACQUIRED, _MOD = "HAS OBS CONTEXT", "HAS ACQ CONTEXT", "HAS CONCEPT MOD"
_MM, _PIXELS, _COSINE = ("mm", "mm"), ("{pixels}", "Pixels"), ("{-1:1}", "{-1:1}")


def report(making: Making) -> tuple[Table, Bulk | None]:
    """Return every element of the report, as it is wanted; none of it is bulk."""
    return {
        **shared(making, _LOOKS, NOT_OF_DOCUMENTS),
        "ReferencedPerformedProcedureStepSequence": exactly(),
        "PerformedProcedureCodeSequence": exactly(),
        "CompletionFlag": exactly("COMPLETE"),
        "PreliminaryFlag": exactly("PRELIMINARY"),
        "VerificationFlag": exactly("UNVERIFIED"),
        "CurrentRequestedProcedureEvidenceSequence": _evidence(making),
        "ValueType": exactly("CONTAINER"),
        "ConceptNameCodeSequence": code("126000", "DCM", "Imaging Measurement Report"),
        "ContinuityOfContent": exactly("CONTINUOUS"),
        "ContentTemplateSequence": _template("1500"),
        "ContentSequence": items(*_content(making)),
    }, None


def _template(identifier: str) -> Wanted:
    return items({"MappingResource": exactly("DCMR"), "TemplateIdentifier": exactly(identifier)})


def _evidence(making: Making) -> Wanted:
    """Return the result and its sources, as they are wanted."""
    of_result = series_uid(making.job_key, making.task.makes), pairs(making)
    of_sources = [
        (
            str(source.header.get("SeriesInstanceUID")),
            list(dict.fromkeys((ref.sop_class_uid, ref.sop_instance_uid) for ref in source.frames)),
        )
        for source in making.sources
    ]
    series = [
        {"SeriesInstanceUID": exactly(own), "ReferencedSOPSequence": items(*referenced(found))}
        for own, found in (of_result, *of_sources)
    ]
    study = str(making.sources[0].header.get("StudyInstanceUID"))
    return items({"StudyInstanceUID": exactly(study), "ReferencedSeriesSequence": items(*series)})


def _content(making: Making) -> list[Table]:
    node_uid = making.site.node_uid
    only_mr = all(source.label in LABELS_MR for source in making.sources)
    language = ("en-US", "RFC5646", "English (United States)")
    said = ("121049", "DCM", "Language of Content Item and Descendants")
    reported = ("121058", "DCM", "Procedure reported")
    group = container(("126200", "DCM", "Image Library Group"), _library(making))
    measured = container(("125007", "DCM", "Measurement Group"), _group(making), _template("1501"))
    return [
        coded(_MOD, said, language),
        coded(_OBSERVED, ("121005", "DCM", "Observer Type"), ("121007", "DCM", "Device")),
        uid(_OBSERVED, ("121012", "DCM", "Device Observer UID"), node_uid),
        text(_OBSERVED, ("121013", "DCM", "Device Observer Name"), MODEL_NAME),
        text(_OBSERVED, ("121014", "DCM", "Device Observer Manufacturer"), MANUFACTURER),
        text(_OBSERVED, ("121015", "DCM", "Device Observer Model Name"), MODEL_NAME),
        text(_OBSERVED, ("121016", "DCM", "Device Observer Serial Number"), node_uid[-16:]),
        coded(_MOD, reported, _MRI if only_mr else _IMAGING),
        container(("111028", "DCM", "Image Library"), [group]),
        container(("126010", "DCM", "Imaging Measurements"), [measured]),
    ]


def _library(making: Making) -> list[Table]:
    """Return each slice of the result with its place, as it is wanted."""
    name = ("260753009", "SCT", "Source")
    slices = zip(pairs(making), wanted_planes(making), strict=True)
    return [image(name, pair, _described(making, plane)) for pair, plane in slices]


def _described(making: Making, plane: Plane) -> list[Table]:
    rows, columns = making.synthesis.stored.pixels.shape[1:]
    modality = _MODALITIES.get(making.task.makes, _MR)
    frame_of_reference = str(making.sources[0].header.get("FrameOfReferenceUID"))
    step_mm = float(shape_of_slices(making)["SliceThickness"].values[0])
    down_mm, along_mm = plane.spacing_mm
    cosines = wanted_planes(making)[0].orientation
    ends = [f"{side} {axis}" for side in ("Row", "Column") for axis in "XYZ"]
    lengths = [
        ("111026", "Horizontal Pixel Spacing", along_mm, _MM),
        ("111066", "Vertical Pixel Spacing", down_mm, _MM),
        ("112225", "Slice Thickness", step_mm, _MM),
        *(
            (str(110901 + index), f"Image Position (Patient) {axis}", value, _MM)
            for index, (axis, value) in enumerate(zip("XYZ", plane.position_mm, strict=True))
        ),
        *(
            (str(110904 + index), f"Image Orientation (Patient) {end}", value, _COSINE)
            for index, (end, value) in enumerate(zip(ends, cosines, strict=True))
        ),
        ("112226", "Spacing between slices", step_mm, _MM),
    ]
    return [
        coded(_ACQUIRED, ("121139", "DCM", "Modality"), modality),
        uid(_ACQUIRED, ("112227", "DCM", "Frame of Reference UID"), frame_of_reference),
        number(_ACQUIRED, ("110910", "DCM", "Pixel Data Rows"), rows, _PIXELS),
        number(_ACQUIRED, ("110911", "DCM", "Pixel Data Columns"), columns, _PIXELS),
        *(
            number(_ACQUIRED, (value, "DCM", meaning), float(length), unit)
            for value, meaning, length, unit in lengths
        ),
    ]


def _group(making: Making) -> list[Table]:
    """Return the one group of measurements, as it is wanted."""
    model, system = making.synthesis.provenance.model, making.synthesis.provenance.system
    about = f"Quality of the SYNTHETIC {name_of(making)}"
    tracking = derive_uid("tracking", making.job_key, "report")
    parameters = (
        f"network {system}", f"bundle {model.digest}", f"weights sha256:{model.weights}",
    )  # fmt: skip
    finding = ("SYN-100", SCHEME, "Quality of synthesized series")
    family = ("111000", "DCM", "Algorithm Family")
    return [
        text(_OBSERVED, ("112039", "DCM", "Tracking Identifier"), about),
        uid(_OBSERVED, ("112040", "DCM", "Tracking Unique Identifier"), tracking),
        coded("CONTAINS", ("121071", "DCM", "Finding"), finding),
        text(_MOD, ("111001", "DCM", "Algorithm Name"), model.name),
        text(_MOD, ("111003", "DCM", "Algorithm Version"), model.version),
        text(_MOD, ("122405", "DCM", "Algorithm Manufacturer"), MANUFACTURER),
        *(text(_MOD, ("111002", "DCM", "Algorithm Parameters"), one) for one in parameters),
        coded(_MOD, family, ("123110", "DCM", "Artificial Intelligence")),
        *(
            number("CONTAINS", (value, SCHEME, what), float(f"{figure:.6g}"), unit)
            for value, what, figure, unit in figures(making)
        ),
        *(
            coded("CONTAINS", (value, SCHEME, what), _YES if holds else _NO)
            for value, what, holds in answers(making)
        ),
        *(image(("121112", "DCM", "Source of Measurement"), one) for one in pairs(making)),
    ]
