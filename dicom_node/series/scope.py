"""What a task's model may be given: label, anatomy, geometry and contrast agent of one series."""

from collections.abc import Iterator

from dicom_node.series.anatomy import anatomy_faults
from dicom_node.series.facts import Header, age_years, codes, field_strength_t
from dicom_node.series.findings import Findings, Label
from engine.reason import Code, Reason
from engine.task import Contract

__all__ = ["fits"]

EDGE = 1e-3
"""A limit is met when it is missed by no more than this part: spacings come rounded."""

_OBLIQUE_DEG = 45.0
"""Slices that lean further than this from each of the three planes are of none."""

_CORRECTED = frozenset({"DIS2D", "DIS3D"})
"""Tokens of Siemens for gradient distortion corrected in the plane, and in space."""
_UNDECIDED = frozenset({Code.SEQUENCE_UNKNOWN, Code.SEQUENCE_CONFLICT, Code.NOT_AN_IMAGE})


def fits(findings: Findings, contract: Contract, grid: str = "native") -> tuple[Reason, ...]:
    """Return why the model must not be given the series; empty when it may.

    Parameters
    ----------
    findings : Findings
        The series understood.
    contract : Contract
        What the model may be given; lengths in millimetres.
    grid : {"native", "rt-axial"}
        Of the result. What is made for radiotherapy has to lie where it says, to the millimetre.

    Returns
    -------
    tuple of Reason
        All of the series verdict first, then what this contract adds; each once.
    """
    if Code.NOT_AN_IMAGE in {reason.code for reason in findings.reasons} and not findings.slices:
        return findings.reasons
    corrected = contract.distortion_corrected or grid == "rt-axial"
    added = [
        *_label(findings, contract),
        *_plane(findings, contract),
        *_geometry(findings, contract),
        *_agent(findings, contract),
    ]
    for header in findings.kinds or (findings.header,):  # one slice may say what the others do not
        added += [
            *anatomy_faults(header, contract.anatomy),
            *_distortion(header, corrected=corrected),
            *_stated(header, contract),
        ]
    return tuple(dict.fromkeys((*findings.reasons, *added)))


def _label(findings: Findings, contract: Contract) -> Iterator[Reason]:
    undecided = _UNDECIDED & {reason.code for reason in findings.reasons}
    if findings.label in contract.labels or (findings.label is Label.UNKNOWN and undecided):
        return
    wanted = " or ".join(contract.labels)
    yield Reason(Code.SEQUENCE_WRONG, f"{findings.label} seen, {wanted} wanted")


def _agent(findings: Findings, contract: Contract) -> Iterator[Reason]:
    if findings.contrast_agent and not contract.contrast_agent:
        text = "a contrast agent was given, or may have been; an image without one is wanted"
        yield Reason(Code.CONTRAST_AGENT, text)


def _distortion(header: Header, *, corrected: bool) -> Iterator[Reason]:
    seen = codes(header, "ImageType", "VendorImageType")
    if corrected and "ND" in seen and _CORRECTED.isdisjoint(seen):
        text = (
            "Image Type has ND, gradient distortion was not corrected; for this model, or a result "
            "on the grid rt-axial, an image with DIS2D or DIS3D is wanted"
        )
        yield Reason(Code.DISTORTION_UNCORRECTED, text)


def _stated(header: Header, contract: Contract) -> Iterator[Reason]:
    """Yield what patient, magnet and object are against those that the model was made for."""
    limited = (
        (Code.AGE_OUTSIDE, "the patient's age", age_years(header), "years", contract.age_years),
        (Code.FIELD_STRENGTH, "the field strength", field_strength_t(header), "T",
         contract.field_strength_t),
    )  # fmt: skip
    for code, name, value, unit, limits in limited:
        if limits is None or (value is not None and not _beyond(value, *limits)):
            continue
        if value is None and contract.unstated == "accept":
            continue
        seen = "is not stated" if value is None else f"is {value:.3g} {unit}"
        yield Reason(code, f"{name} {seen}; {limits[0]:g} to {limits[1]:g} {unit} is wanted")
    sop_class = header.get("SOPClassUID")
    if contract.sop_classes and sop_class not in contract.sop_classes:
        wanted = " or ".join(contract.sop_classes)
        yield Reason(Code.SEQUENCE_WRONG, f"the SOP class is {sop_class}; {wanted} is wanted")


def _plane(findings: Findings, contract: Contract) -> Iterator[Reason]:
    """Yield a reason when the slices do not lie as those that the model was made for."""
    grid = None if findings.chosen is None else findings.chosen.grid
    if grid is None or not contract.planes:
        return  # no lattice: the series verdict says why
    plane, away_deg = grid.plane
    lean = f"{away_deg:.0f} degrees from {plane}"
    wanted = f"the model was made for {' or '.join(contract.planes)} ones"
    if away_deg > _OBLIQUE_DEG + EDGE:
        text = f"the slices lean more than {_OBLIQUE_DEG:g} degrees from every plane ({lean})"
        yield Reason(Code.GEOM_ORIENTATION, f"{text}; {wanted}")
    elif plane not in contract.planes:
        yield Reason(Code.GEOM_ORIENTATION, f"the slices are {plane}; {wanted}")


def _geometry(findings: Findings, contract: Contract) -> Iterator[Reason]:
    if findings.slices < contract.min_slices:
        text = (
            f"the number of slices is {findings.slices}; {contract.min_slices} or more are wanted"
        )
        yield Reason(Code.TOO_FEW_SLICES, text)
    if findings.pixel_spacing_mm is None or findings.slice_step_mm is None:
        return  # no lattice: the series verdict says why
    outside = [
        f"{name} of {value:.2f} mm, {low:g} to {high:g} mm"
        for name, value, (low, high) in (
            ("a pixel spacing", findings.pixel_spacing_mm[0], contract.pixel_spacing_mm),
            ("a pixel spacing", findings.pixel_spacing_mm[1], contract.pixel_spacing_mm),
            ("a step between slices", findings.slice_step_mm, contract.slice_step_mm),
        )
        if _beyond(value, low, high)
    ]
    for text in dict.fromkeys(outside):
        yield Reason(Code.SPACING_OUTSIDE, f"{text} is wanted")
    yield from _field_of_view(findings, contract)


def _field_of_view(findings: Findings, contract: Contract) -> Iterator[Reason]:
    low, high = contract.extent_mm
    axes = ("along the stack", "down the columns", "along the rows")
    for axis, value in zip(axes, findings.extent_mm or (), strict=False):
        if _beyond(value, low, high):
            text = f"a field of view of {value:.0f} mm {axis}, {low:g} to {high:g} mm is wanted"
            yield Reason(Code.FOV_OUTSIDE, text)


def _beyond(value: float, low: float, high: float) -> bool:
    return not low * (1 - EDGE) <= value <= high * (1 + EDGE)
