"""The label of a slice: what its SOP class, its numbers and its names agree on.

Modality decides nothing. The SOP class says whether the object is MR, CT or PET; a CT is then asked
for a cone beam, an MR image for a kind that is excluded, and else for its weighting. A weighting is
believed when two independent sources say the same: the numbers of the pulse sequence, and the names
that people or the vendor gave it, or the contrast that an Enhanced header states. Everything short
of that is ``UNKNOWN`` with a reason.

References
----------
PS3.4 B.5 (SOP classes), PS3.3 C.8.13.3.3.1 (Acquisition Contrast), C.7.6.4 (Contrast/Bolus).
"""

from dataclasses import dataclass
from typing import Literal

from dicom_node.series.cone_beam import ct_label
from dicom_node.series.exclusions import Sign, exclusions
from dicom_node.series.facts import Header, codes, maker, positive
from dicom_node.series.findings import Label
from dicom_node.series.physics import weighting
from dicom_node.series.text import agent_named, fat_suppressed, named
from engine.reason import Code, Reason

__all__ = ["Labelled", "agent", "kind_of_object", "label_of"]

Kind = Literal["MR", "CT", "PT", "picture", "document"]

_ROOT = "1.2.840.10008.5.1.4.1.1."
_KINDS: dict[str, Kind] = {
    "4": "MR", "4.1": "MR", "4.4": "MR",
    "2": "CT", "2.1": "CT", "2.2": "CT",
    "128": "PT", "130": "PT", "128.1": "PT",
}  # fmt: skip
"""Classic, Enhanced and Legacy Converted Enhanced storage."""
_DOCUMENTS = (
    "88.",
    "104.",
    "11.",
    "66",
    "481.",
    "9.",
    "30",
    "67",
    "78.",
    "79.",
    "80.",
    "90.",
    "200.",
)
"""Reports, encapsulated documents, presentation states, segmentations and registrations,
radiotherapy objects, waveforms, parametric maps and plans: what carries pixels among them carries
no acquired grey values."""
_STATED = {
    "T1": frozenset({Label.T1}),
    "T2": frozenset({Label.T2, Label.FLAIR, Label.STIR}),
    "PROTON_DENSITY": frozenset({Label.PD}),
    "FLUID_ATTENUATED": frozenset({Label.FLAIR}),
    "STIR": frozenset({Label.STIR}),
}
_DUAL = frozenset({Label.PD, Label.T2})
_NO_AGENT = frozenset({"NONE", "NO", "N", "NA", "N/A", "-", "0", "NATIV", "KEIN", "KEINE", "OHNE"})
_FAT_SUPPRESSED = {Label.T1: Label.T1_FS, Label.T2: Label.T2_FS, Label.PD: Label.PD_FS}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label with why it is no better one."""

    label: Label
    reasons: tuple[Reason, ...] = ()
    contrast_agent: bool = False


def kind_of_object(header: Header) -> Kind:
    """Return what the SOP class makes the object; without acquired pixels it is a document.

    References
    ----------
    PS3.4 B.5.
    """
    uid = str(header.get("SOPClassUID", ""))
    tail = uid.removeprefix(_ROOT)
    if tail in _KINDS:
        return _KINDS[tail]
    if not uid.startswith(_ROOT) or tail.startswith(_DOCUMENTS) or not header.get("Rows"):
        return "document"
    return "picture"


def agent(header: Header) -> Literal["given", "none"] | None:
    """Return what the attributes say of a contrast agent; None where they say nothing."""
    if header.get("ContrastBolusAgents") or positive(header, "ContrastBolusVolume"):
        return "given"
    values = codes(header, "ContrastBolusAgent")
    if not values:
        return None
    return "none" if set(values) <= _NO_AGENT else "given"


def label_of(header: Header) -> Labelled:
    """Return the label of one slice, with every reason that the label itself gives."""
    kind = kind_of_object(header)
    if kind == "document":
        return Labelled(Label.SR if ".88." in str(header.get("SOPClassUID")) else Label.OTHER)
    signs = exclusions(header, magnetic=kind == "MR")
    given = "given" in (agent(header), agent_named(header))
    if kind == "MR" and not signs:
        return _weighted(header)
    label, doubt = _of_class(kind, header, signs)
    return Labelled(label, (*(sign.reason for sign in signs), *doubt), given)


def _of_class(kind: Kind, header: Header, signs: list[Sign]) -> tuple[Label, tuple[Reason, ...]]:
    if kind == "MR":
        return signs[0].label, ()
    if kind == "picture":
        text = "the object is neither an MR, a CT nor a PET image; one of these is wanted"
        return Label.OTHER, (Reason(Code.SEQUENCE_UNKNOWN, text),)
    if any(sign.label is Label.LOCALIZER for sign in signs):
        return Label.LOCALIZER, ()
    return ct_label(header) if kind == "CT" else (Label.PT, ())


def _weighted(header: Header) -> Labelled:
    """Agreement of two independent sources, for an MR image of none of the excluded kinds."""
    numbers, names, stated = weighting(header), named(header), _stated(header)
    given = "given" in (agent(header), agent_named(header))
    if problem := _disagreement(numbers, names, stated):
        return Labelled(Label.UNKNOWN, (problem,), given)
    label = numbers or Label.UNKNOWN
    if label is Label.T1:
        return _with_agent(header, given=given)
    return Labelled(_with_fat(header, label), (), given)


def _stated(header: Header) -> frozenset[Label]:
    """Return what Acquisition Contrast allows; not asked of Siemens, which leaves it UNKNOWN."""
    if "SIEMENS" in maker(header):
        return frozenset()
    values = (*codes(header, "AcquisitionContrast"), *codes(header, "ImageType")[2:3])
    return next((_STATED[value] for value in values if value in _STATED), frozenset())


def _disagreement(
    numbers: Label | None, names: frozenset[Label], stated: frozenset[Label]
) -> Reason | None:
    called = " and ".join(sorted(names)) or "nothing"
    if numbers is None:
        text = f"the numbers of the sequence decide no weighting, it is called {called}"
        return Reason(Code.SEQUENCE_UNKNOWN, f"{text}; two sources that agree are wanted")
    if not names and numbers not in stated:
        text = f"the numbers say {numbers}, and neither name nor stated contrast confirms it"
        return Reason(Code.SEQUENCE_UNKNOWN, f"{text}; two sources that agree are wanted")
    if (names and numbers not in names) or (len(names) > 1 and names != _DUAL):
        text = f"the numbers say {numbers}, it is called {called}; agreement is wanted"
        return Reason(Code.SEQUENCE_CONFLICT, text)
    if stated and numbers not in stated:
        text = f"the numbers say {numbers}, Acquisition Contrast says {' or '.join(sorted(stated))}"
        return Reason(Code.SEQUENCE_CONFLICT, f"{text}; agreement is wanted")
    return None


def _with_agent(header: Header, *, given: bool) -> Labelled:
    said, called = agent(header), agent_named(header)
    if {said, called} == {"given", "none"}:
        text = f"attributes say of a contrast agent: {said}, the name says: {called}"
        problem = Reason(Code.SEQUENCE_CONFLICT, f"{text}; agreement is wanted")
        return Labelled(Label.UNKNOWN, (problem,), contrast_agent=True)
    if given:
        return Labelled(Label.T1CE, (), contrast_agent=True)
    return Labelled(_with_fat(header, Label.T1))


def _with_fat(header: Header, label: Label) -> Label:
    return _FAT_SUPPRESSED.get(label, label) if fat_suppressed(header) else label
