"""What every instance must be: acquired, of one human patient, filed under valid names, grey.

These questions are asked of all instances, not of one that speaks for the rest: one synthetic slice
in a series makes it a synthetic series.

References
----------
PS3.3 C.12.1 (SOP Common, with Synthetic Data), C.7.1.1 (Patient), C.7.6.3 (Image Pixel); PS3.5 9.1
(UID).
"""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from dicom_node.dicom import OWN_SIGN, device_uid_of
from dicom_node.series.facts import Header, codes, number, words
from engine.reason import Code, Reason

__all__ = [
    "OwnIdentity",
    "identity_faults",
    "pixel_faults",
    "species_faults",
    "strangers",
    "synthetic_signs",
]

SYNTHESIZING_EQUIPMENT = "109100"
"""CID 7005: equipment that contributed to an instance by making it."""
GREY_SCALE, INVERTED = "MONOCHROME2", "MONOCHROME1"
DISPLAY_BITS = 8
"""Grey values of so few bits are a picture of an image, windowed and cut off."""
LOSSY_ALWAYS = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
LOSSY_UNLESS_SAID = frozenset({"1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"})
"""JPEG-LS near-lossless and JPEG 2000 may keep everything; (0028,2110) 00 then says so."""
HUMAN = frozenset({"337915000", "L-85B00", "HOMO SAPIENS", "HUMAN"})
"""SNOMED CT, its older code, and the words."""
ID_LENGTH, UID_LENGTH = 64, 64
"""PS3.5 6.2: LO and UI."""

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
_CALLED_SYNTHETIC = re.compile(
    r"\bsynthetic|\bsynth(esi[sz]ed)?\b|\bsyn(th)?[ -]?ct\b|\bs-?ct (from|of)\b|pseudo.?ct|"
    r"substitute.?ct|\bmrcat\b|not acquired"
)
_S_CT = re.compile(r"\bs-?ct\d*\b")
"""Of an MR image it may be the spinal cord toolbox, and says nothing alone."""
_MR_ONLY = re.compile(r"\bmri?.?only\b")
_SPIRAL_CT = re.compile(r"(?<![^\W_])S-?CT(?![^\W_])")
"""In capitals, in an image as acquired, a scanner's or a site's word for a spiral CT."""
_ANIMAL = re.compile(
    r"\b(canine|dogs?|feline|equine|horse|bovine|porcine|pigs?|swine|ovine|sheep|murine|mouse|mice|"
    r"rats?|rabbit|macaque|monkey|marmoset|primate|ferret|veterinary|vet|hund|katze|pferd|maus|ratte|"
    r"chien|cheval|souris|perro|caballo|raton)\b"
)
_ONE_PATIENT = (
    ("PatientID", "Patient ID"),
    ("IssuerOfPatientID", "Issuer of Patient ID"),
    ("PatientName", "Patient's Name"),
    ("PatientBirthDate", "Patient's Birth Date"),
    ("PatientSex", "Patient's Sex"),
    ("StudyInstanceUID", "Study Instance UID"),
    ("SeriesInstanceUID", "Series Instance UID"),
    ("Modality", "Modality"),
)
_OF_PATIENT = _ONE_PATIENT[:5]
_OTHER_SEX = "o"
"""PS3.3 C.7.1.1: neither male nor female, or not known."""
_NAMED = (
    ("StudyInstanceUID", "Study Instance UID"),
    ("SeriesInstanceUID", "Series Instance UID"),
    ("SOPInstanceUID", "SOP Instance UID"),
    ("FrameOfReferenceUID", "Frame of Reference UID"),
)


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """By what this node knows its own work.

    Parameters
    ----------
    creator_uids : container of str
        What it writes, or has written, as Instance Creator UID (0008,0014).
    device_uids : container of str
        The same for Device UID (0018,1002): one for each model that ever ran here.
    series_uids : container of str
        Series that it made; anything that answers ``in`` will do, a view of a database too.
    pixels : container of str or None
        Digests of slices that it made: see :func:`dicom_node.series.pixels.pixel_digest`. With
        None nobody looks at pixels.
    """

    creator_uids: Container[str] = field(default_factory=frozenset)
    device_uids: Container[str] = field(default_factory=frozenset)
    series_uids: Container[str] = field(default_factory=frozenset)
    pixels: Container[str] | None = None

    @classmethod
    def of(
        cls, node_uid: str, digests: Iterable[str], pixels: Container[str] | None = None
    ) -> "OwnIdentity":
        """Return that of an installation, whose models have these digests."""
        devices = frozenset(device_uid_of(node_uid, one) for one in digests)
        return cls(frozenset({node_uid}), devices, pixels=pixels)


def synthetic_signs(header: Header, own: OwnIdentity) -> list[Reason]:
    """Return why the instance is taken for synthetic: the loop guard of the node.

    Any one sign is enough, because tools on the way may have dropped the others.
    """
    return [
        Reason(Code.SYNTHETIC, f"not acquired: {sign}; acquired images are wanted")
        for sign in _synthetic(header, own)
    ]


def _synthetic(header: Header, own: OwnIdentity) -> Iterator[str]:
    if "YES" in codes(header, "SyntheticData"):
        yield "Synthetic Data (0008,001C) is YES"
    if any("SYNTHETIC" in value for value in codes(header, "ImageType", "VendorImageType")):
        yield "Image Type has SYNTHETIC"
    if SYNTHESIZING_EQUIPMENT in codes(header, "Equipment"):
        yield "synthesizing equipment (109100, DCM) contributed to it"
    texts = (header.get(word) for word in ("SeriesDescription", "DerivationDescription"))
    if any(_is_called_synthetic(header, text) for text in texts):
        yield "its description calls it synthetic"
    if _is_called_synthetic(header, header.get("ImageComments")):
        yield "its comments call it synthetic"
    yield from _own(header, own)


def _is_called_synthetic(header: Header, text: object) -> bool:
    called = words(text)
    return bool(_CALLED_SYNTHETIC.search(called)) or (
        bool(_S_CT.search(called)) and _means_synthetic(header, text)
    )


def _means_synthetic(header: Header, text: object) -> bool:
    """Whether ``sCT`` stands for a synthetic CT: in a CT, or beside words that say so."""
    if _MR_ONLY.search(words(text)):
        return True
    acquired = "ORIGINAL" in codes(header, "ImageType") and bool(_SPIRAL_CT.search(str(text)))
    return "CT" in codes(header, "Modality") and not acquired


def _own(header: Header, own: OwnIdentity) -> Iterator[str]:
    creator = str(header.get("InstanceCreatorUID", ""))
    devices = (str(header.get("DeviceUID", "")), *(header.get("EquipmentDevices") or ()))
    if (creator and creator in own.creator_uids) or any(
        uid in own.device_uids for uid in devices if uid
    ):
        yield OWN_SIGN
    if header.get("SeriesInstanceUID") in own.series_uids:
        yield "its series is one that this node made"
    if any(uid in own.series_uids for uid in header.get("ReferencedSeries") or ()):
        yield "it refers to a series that this node made"


def species_faults(header: Header) -> list[Reason]:
    """Return why the subject is taken for an animal; silence counts as human."""
    species = codes(header, "PatientSpecies", "PatientSpeciesDescription")
    animal = bool(species) and not HUMAN & set(species)
    posture = {"QUADRUPED"} & set(codes(header, "AnatomicalOrientationType"))
    named = (header.get(word) for word in ("StudyDescription", "ProtocolName", "BodyPartExamined"))
    if animal or posture or any(_ANIMAL.search(words(text)) for text in named):
        return [Reason(Code.SPECIES, "the header tells of an animal; a human subject is wanted")]
    return []


def identity_faults(headers: Sequence[Header]) -> list[Reason]:
    """Return what is wrong with the names that results would be filed under.

    Parameters
    ----------
    headers : sequence of mapping
        Of all instances of the series. No value is repeated in a reason.
    """
    found = {
        f"{name} is {fault} in at least one instance"
        for header in headers
        for name, fault in _invalid(header)
    }
    invalid = [Reason(Code.IDENTITY_INVALID, f"{text}; a valid one is wanted") for text in found]
    conflict = [
        Reason(Code.IDENTITY_CONFLICT, f"{name} differs between instances of one series")
        for keyword, name in _ONE_PATIENT
        if len({words(str(header.get(keyword, ""))) for header in headers}) > 1
    ]
    return [*sorted(invalid, key=str), *conflict]


def strangers(headers: Sequence[Header]) -> tuple[str, ...]:
    """Return by what series of one study are of several patients; empty where they are of one.

    Parameters
    ----------
    headers : sequence of mapping
        One of each series. What a series leaves out tells nothing of whose it is, but for the
        Patient ID: without one it is another's than with one.
    """
    return tuple(name for keyword, name in _OF_PATIENT if _differ(keyword, headers))


def _differ(keyword: str, headers: Sequence[Header]) -> bool:
    if keyword == "PatientID":
        return len({header.get(keyword) for header in headers}) > 1
    stated = {words(str(header.get(keyword) or "")) for header in headers} - {"", _OTHER_SEX}
    if keyword != "PatientName":
        return len(stated) > 1
    names = [
        frozenset(re.findall(r"\w+", one)) for one in stated
    ]  # a second forename makes nobody another
    return any(not (one <= two or two <= one) for one, two in combinations(names, 2))


def _invalid(header: Header) -> Iterator[tuple[str, str]]:
    patient = header.get("PatientID")
    if not isinstance(patient, str) or not patient.strip():
        yield "Patient ID", "empty"
    elif len(patient) > ID_LENGTH or any(ord(letter) < ord(" ") for letter in patient):
        yield "Patient ID", "invalid"
    for keyword, name in _NAMED:
        uid = header.get(keyword)
        if not isinstance(uid, str) or not uid.strip():
            yield name, "empty"
        elif len(uid) > UID_LENGTH or not _UID.fullmatch(uid):
            yield name, "invalid"


def pixel_faults(header: Header) -> list[Reason]:
    """Return why the pixels are not acquired grey values, as far as the header tells."""
    return [Reason(code, text) for code, text in _pixels(header)]


def _pixels(header: Header) -> Iterator[tuple[Code, str]]:
    samples, bits = number(header, "SamplesPerPixel"), number(header, "BitsStored")
    kind = codes(header, "PhotometricInterpretation")
    coloured = "COLOR" in codes(header, "PixelPresentation")
    if coloured or (samples or 1) > 1 or (kind and kind[0] not in (GREY_SCALE, INVERTED)):
        yield Code.COLOUR, f"pixels are {kind[0] if kind else 'in colour'}; grey values are wanted"
    elif INVERTED in kind:
        text = f"pixels are {INVERTED}, the highest value is black; {GREY_SCALE} is wanted"
        yield Code.COLOUR, text
    elif bits is not None and bits <= DISPLAY_BITS:
        yield Code.COLOUR, f"grey values of {bits:g} bits; more than {DISPLAY_BITS} are wanted"
    if "YES" in codes(header, "BurnedInAnnotation"):
        yield Code.BURNED_IN, "Burned In Annotation is YES; pixels without writing are wanted"
    kept = "00" in codes(header, "LossyImageCompression")
    syntax = header.get("TransferSyntaxUID")
    if "01" in codes(header, "LossyImageCompression"):
        yield Code.LOSSY, "Lossy Image Compression is 01; pixels as acquired are wanted"
    elif syntax in LOSSY_ALWAYS or (syntax in LOSSY_UNLESS_SAID and not kept):
        yield Code.LOSSY, f"transfer syntax {syntax} loses; pixels as acquired are wanted"
