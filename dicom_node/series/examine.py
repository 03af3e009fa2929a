"""The files of one series into findings: read, taken apart, judged, labelled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydicom.dataset import Dataset

from dicom_node.series.facts import codes
from dicom_node.series.findings import Findings, Label
from dicom_node.series.instances import (
    OwnIdentity,
    identity_faults,
    pixel_faults,
    species_faults,
    synthetic_signs,
)
from dicom_node.series.label import Labelled, kind_of_object, label_of
from engine.errors import InputRefused
from engine.io import Candidate, Frame, Stack, inner, pixel_digest, read_frames, split, stack
from engine.io.header import ROOT, headers_of
from engine.reason import Code, Reason

__all__ = ["TELLING", "Judged", "examine", "judge"]

LOCALIZER_PLANES, LOCALIZER_SLICES = 3, 10
"""Slices of so many orientations, fewer than so many of each, plan other series."""

_PER_SLICE = frozenset(
    {
        "SOPInstanceUID", "InstanceNumber", "AcquisitionNumber", "ImagePositionPatient",
        "ImageOrientationPatient", "DimensionIndexValues", "InStackPositionNumber", "TriggerTime",
        "FrameAcquisitionDateTime", "FrameReferenceDateTime", "TemporalPositionIdentifier",
        "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "ContentDate",
        "ContentTime",
    }
)  # fmt: skip
"""What differs from slice to slice and is asked by none of the questions about the header."""
_WEIGHTINGS = frozenset(
    {
        Label.T1, Label.T1CE, Label.T2, Label.PD, Label.FLAIR, Label.STIR, Label.T1_FS,
        Label.T2_FS, Label.PD_FS,
    }
)  # fmt: skip


def examine(files: Sequence[Path], own: OwnIdentity) -> Findings:
    """Understand the files of one series; whatever is in them, the answer is findings.

    Parameters
    ----------
    files : sequence of Path
        All instances of one series that are there.
    own : OwnIdentity
        By what this node knows its own work.

    Returns
    -------
    Findings
        With every reason that was found, each once, in the order in which the questions are asked:
        files, identity, species, pixels, origin, parts, geometry, kind and weighting.
    """
    frames, reasons = _read(files)
    images = [frame for frame in frames if _is_image(frame)]
    headers = _kinds(images or frames)
    synthetic = [sign for header in headers for sign in synthetic_signs(header, own)]
    synthetic = synthetic or _shown_before(images, own)
    labelled = [label_of(header) for header in headers]
    parts = _taken_apart(images)
    reasons += [*_no_images(frames, images), *(_of_instances(images, headers) if images else ())]
    reasons += [*synthetic, *parts.reasons]
    label = Label.LOCALIZER if parts.survey else _one_label([one.label for one in labelled])
    reasons += [reason for one in _speaking(labelled, label) for reason in one.reasons]
    speaker = dict(parts.chosen.frames[0].header if parts.chosen else headers[0] if headers else {})
    return Findings(
        label=label,
        synthetic=bool(synthetic),
        modality=str(speaker.get("Modality") or ""),
        description=str(speaker.get("SeriesDescription") or ""),
        instances=len(files),
        reasons=tuple(dict.fromkeys(reasons)),
        chosen=parts.chosen,
        header=MappingProxyType(speaker),
        kinds=tuple(_kinds(parts.chosen.frames)) if parts.chosen else (),
        slices=parts.slices,
        contrast_agent=any(one.contrast_agent for one in labelled),
    )


def _shown_before(images: Sequence[Frame], own: OwnIdentity) -> list[Reason]:
    """Tell what lost every mark of its origin by what it shows."""
    if own.pixels is None:
        return []
    found = (pixel_digest(frame.path, frame.number) for frame in inner(images))
    if not any(one in own.pixels for one in found if one is not None):
        return []
    text = "not acquired: it shows what this node made; acquired images are wanted"
    return [Reason(Code.SYNTHETIC, text)]


_NOT_ASKED = ("Patient", "Issuer", "SpecificCharacterSet")
TELLING = tuple(w for w in ROOT if not w.startswith(_NOT_ASKED) and not w.endswith("InstanceUID"))
"""What an archive is asked of an image, so that it can be judged: of the patient, nothing."""
_TELLING_TIMES = ("EchoTime", "RepetitionTime", "InversionTime")


@dataclass(frozen=True, slots=True)
class Judged:
    """What a series shows, as far as one of its instances tells."""

    label: Label
    synthetic: bool


def judge(ds: Dataset, own: OwnIdentity, *, whole: bool) -> Judged | None:
    """Judge a series by one instance; None where too little is known of that.

    Parameters
    ----------
    ds : Dataset
        The instance, or what an archive answered about it.
    own : OwnIdentity
        By what this node knows its own work.
    whole : bool
        Whether all of its header is there. An archive answers what it keeps, and what it leaves out
        may be what decides: the image type, the maker of a CT, the times of an MR sequence.
    """
    headers = [dict(header) for header in headers_of(ds)]
    synthetic = any(synthetic_signs(header, own) for header in headers)
    if not whole and not synthetic and not all(_tells(header) for header in headers):
        return None
    label = _one_label([label_of(header).label for header in headers])
    if not whole and not synthetic and label is Label.UNKNOWN:
        return None
    return Judged(label, synthetic)


def _tells(header: Mapping[str, Any]) -> bool:
    if not header.get("SOPClassUID") or not codes(header, "ImageType"):
        return False
    kind = kind_of_object(header)
    if kind == "MR":
        return any(header.get(word) for word in _TELLING_TIMES)
    return kind != "CT" or bool(header.get("Manufacturer"))


@dataclass(frozen=True, slots=True)
class _Parts:
    """The images of a series taken apart into stacks."""

    chosen: Stack | None
    slices: int
    survey: bool
    reasons: tuple[Reason, ...]


def _taken_apart(images: Sequence[Frame]) -> _Parts:
    candidates, several = split(images)
    stacks = [stack(candidate.frames) for candidate in candidates]
    planes = _planes(candidates)
    return _Parts(
        chosen=stacks[0] if len(stacks) == 1 and stacks[0].grid is not None else None,
        slices=max((_places(candidate) for candidate in candidates), default=0),
        survey=bool(planes),
        reasons=(*several, *planes, *(reason for one in stacks for reason in one.reasons)),
    )


def _read(files: Sequence[Path]) -> tuple[list[Frame], list[Reason]]:
    """Return the frames of all files that parse; one reason speaks for all that do not."""
    frames: list[Frame] = []
    broken = 0
    for path in files:
        try:
            frames += read_frames([path])
        except InputRefused:
            broken += 1
    if files and not broken:
        return frames, []
    text = f"{broken} of {len(files)} files cannot be read as DICOM; whole objects are wanted"
    return frames, [Reason(Code.NOT_AN_IMAGE, text)]


def _is_image(frame: Frame) -> bool:
    return frame.is_image and kind_of_object(frame.header) != "document"


def _no_images(frames: Sequence[Frame], images: Sequence[Frame]) -> list[Reason]:
    if len(images) == len(frames):
        return []
    others = len(frames) - len(images)
    text = f"{others} of {len(frames)} frames or objects are no acquired image; images are wanted"
    return [Reason(Code.NOT_AN_IMAGE, text)]


def _kinds(frames: Iterable[Frame]) -> list[Mapping[str, Any]]:
    """Return one header for each different kind of slice: all that differs is where and when."""
    different: dict[frozenset[tuple[str, Any]], Mapping[str, Any]] = {}
    for frame in frames:
        facts = ((word, value) for word, value in frame.header.items() if word not in _PER_SLICE)
        different.setdefault(frozenset(facts), frame.header)
    return list(different.values())


def _of_instances(images: Sequence[Frame], headers: Sequence[Mapping[str, Any]]) -> list[Reason]:
    faults = identity_faults([frame.header for frame in images])
    for header in headers:
        faults += [*species_faults(header), *pixel_faults(header)]
    return [*faults, *_undecodable(images)]


def _undecodable(images: Iterable[Frame]) -> list[Reason]:
    faults = dict.fromkeys(frame.pixel_fault for frame in images if frame.pixel_fault)
    return [Reason(Code.PIXELS_UNREADABLE, f"{fault}; whole pixels are wanted") for fault in faults]


def _planes(candidates: Sequence[Candidate]) -> list[Reason]:
    """Tell a localizer by its planes: several orientations, a few slices of each."""
    orientations = {
        tuple(round(cosine, 2) for cosine in candidate.header.orientation or ())
        for candidate in candidates
    }
    most = max((len(candidate.frames) for candidate in candidates), default=0)
    if len(orientations) < LOCALIZER_PLANES or most >= LOCALIZER_SLICES:
        return []
    text = (
        f"{len(orientations)} orientations of fewer than {LOCALIZER_SLICES} slices, as in a survey"
    )
    return [Reason(Code.LOCALIZER, f"{text}; one stack is wanted")]


def _places(candidate: Candidate) -> int:
    """Count different places, and slices where none says its place."""
    places = {frame.position_mm for frame in candidate.frames}
    return len(candidate.frames) if None in places else len(places)


def _speaking(labelled: Sequence[Labelled], label: Label) -> list[Labelled]:
    """Leave doubts about the weighting out where another slice already shows what it all is."""
    kept = [one for one in labelled if one.label is not Label.UNKNOWN]
    return list(labelled) if label is Label.UNKNOWN else kept


def _one_label(labels: Sequence[Label]) -> Label:
    """Return the label that speaks for all: a kind that is excluded before any weighting."""
    different = list(dict.fromkeys(labels))
    excluded = [one for one in different if one not in _WEIGHTINGS and one is not Label.UNKNOWN]
    if excluded:
        return excluded[0]
    if len(different) > 1:
        return Label.UNKNOWN if Label.UNKNOWN in different else Label.MIXED
    return different[0] if different else Label.UNKNOWN
