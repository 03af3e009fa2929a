"""One object without its person: what teaches is kept by name, all else goes.

A list of what to remove forgets what nobody thought of; here is a list of what may stay. Private
elements, overlays, comments, OriginalAttributesSequence and whatever a vendor hid in an item are on
no such list. What stays and points to somebody - UIDs, dates, names - dicognito replaces, the same
way for all objects of a person.

References
----------
PS3.15 Annex E (Attribute Confidentiality Profiles): Basic Application Level Confidentiality Profile
(113100) with the options Retain Longitudinal Temporal Information with Modified Dates (113107) and
Retain Patient Characteristics (113108); PS3.16 CID 7050.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from dicognito.anonymizer import Anonymizer
from pydicom import config
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.cohort.seen import Person
from dicom_node.errors import NodeError
from dicom_node.series import words

__all__ = ["Cleaned", "Cleaner", "IdentityLeft", "pseudonym"]

_UIDS = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
)  # fmt: skip
_IMAGE = (
    "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL M NORM DIS2D DIS3D ND M_FFE M_SE M_IR FFE SE IR "
    "OTHER MAGNITUDE VOLUME NONE RECON REFORMATTED MPR ADD"
)
_CODES: Mapping[str, frozenset[str]] = {
    word: frozenset(known.split())
    for word, known in {
        "Modality": "MR CT PT",
        "PatientSex": "M F",
        "PatientPosition": "HFS HFP HFDR HFDL FFS FFP FFDR FFDL",
        "ImageType": _IMAGE,
        "FrameType": _IMAGE,
        "ScanningSequence": "SE IR GR EP RM",
        "SequenceVariant": "SK MTC SS TRSS SP MP OSP NONE",
        "MRAcquisitionType": "2D 3D",
        "PhotometricInterpretation": "MONOCHROME2",
        "RescaleType": "HU US",
        "Units": "BQML CNTS PROPCPS",
        "LossyImageCompression": "00",
        "PixelPresentation": "MONOCHROME",
        "VolumetricProperties": "VOLUME SAMPLED DISTORTED MIXED",
        "ComplexImageComponent": "MAGNITUDE PHASE REAL IMAGINARY MIXED",
        "BurnedInAnnotation": "NO",
    }.items()
}
"""Code strings, and the words that may stand there: whatever else stands there may be a name."""
_NUMBERS = (
    "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "EchoTrainLength",
    "MagneticFieldStrength", "KVP", "SliceThickness", "SpacingBetweenSlices", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "SliceLocation", "InstanceNumber",
    "SamplesPerPixel", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PlanarConfiguration", "NumberOfFrames", "RescaleSlope",
    "RescaleIntercept", "EffectiveEchoTime", "InversionTimes", "DimensionIndexValues",
    "InStackPositionNumber", "FrameAcquisitionNumber", "RFEchoTrainLength",
)  # fmt: skip
_SEQUENCES = (
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "PixelMeasuresSequence",
    "PlanePositionSequence", "PlaneOrientationSequence", "PixelValueTransformationSequence",
    "FrameContentSequence", "MRImageFrameTypeSequence", "CTImageFrameTypeSequence",
    "MRTimingAndRelatedParametersSequence", "MREchoSequence", "MRModifierSequence",
)  # fmt: skip
_DATES = ("StudyDate",)
_MAKERS = (
    "SIEMENS", "PHILIPS", "GE", "CANON", "TOSHIBA", "HITACHI", "FUJIFILM", "UIH", "ESAOTE",
    "VARIAN", "ELEKTA", "ACCURAY", "NEUSOFT", "MINDRAY", "BRUKER",
)  # fmt: skip
"""What (0008,0070) may say afterwards; a name of anybody else is a name."""
_DATE = re.compile(r"(18|19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_AGE = re.compile(r"(\d{3})Y")
_OLDEST = 89
"""Above it people are so few that an age tells who they are (45 CFR 164.514(b)(2)(i)(C))."""
_IDENTIFYING = (
    "PatientID", "OtherPatientIDs", "IssuerOfPatientID", "PatientBirthDate", "PatientAddress",
    "PatientTelephoneNumbers", "PatientMotherBirthName", "MedicalRecordLocator", "AccessionNumber",
    "InstitutionName", "InstitutionAddress", "StationName", "StudyID", "AdmissionID",
    "RequestedProcedureID", "PerformedProcedureStepID", "DeviceSerialNumber",
)  # fmt: skip
_SHORTEST = 3
"""Letters of what is searched for: a shorter word stands everywhere."""
_METHODS = (
    ("113100", "Basic Application Confidentiality Profile"),
    ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ("113108", "Retain Patient Characteristics Option"),
)


class IdentityLeft(NodeError):
    """An object cannot be parted from what names its person; the text says where that is."""


@dataclass(frozen=True, eq=False, slots=True)
class Cleaned:
    """An object without its person.

    Parameters
    ----------
    ds : Dataset
        Explicit VR little endian, with file meta information of its own.
    removed : mapping
        What was removed, by path of keywords or tags, to the number of elements.
    found : tuple of str
        Where, beyond the places that are meant for it, the person was named.
    """

    ds: Dataset
    removed: Mapping[str, int]
    found: tuple[str, ...]


def pseudonym(key: bytes, person: Person) -> str:
    """Return the name of a person in every dataset that is written with ``key``.

    It tells nothing of the person without the key, and two people never have one by chance: 64 bits
    of HMAC-SHA-256.
    """
    said = f"{person.issuer}\0{person.patient_id}".encode()
    return f"P{hmac.new(key, said, hashlib.sha256).hexdigest()[:16].upper()}"


class Cleaner:
    """Cleans the objects of one person, all alike.

    Parameters
    ----------
    key : bytes
        The installation's secret; whoever has it can tell who a pseudonym is.
    person : Person
    """

    def __init__(self, key: bytes, person: Person) -> None:
        self.pseudonym = pseudonym(key, person)
        seed = hmac.new(key, f"of {self.pseudonym}".encode(), hashlib.sha256).hexdigest()
        self._anonymizer = Anonymizer(seed=seed)

    def clean(self, ds: Dataset) -> Cleaned:
        """Return what may stay of an object; ``ds`` itself is left as it is.

        Parameters
        ----------
        ds : Dataset
            Of an image in native little endian pixels.

        Raises
        ------
        IdentityLeft
            When writing is burned into its pixels.
        AttributeError, ValueError
            When it has no pixels, or not all of them.
        """
        removed: Counter[str] = Counter()
        found: list[str] = []
        with config.disable_value_validation():  # whatever a stranger wrote
            if str(ds.get("BurnedInAnnotation", "")).strip().upper() == "YES":
                text = "Burned In Annotation is YES: writing in pixels cannot be removed"
                raise IdentityLeft(text)
            names = tuple(sorted(set(_names(ds))))
            kept = _kept(ds, "", names, removed, found)
            _describe(kept, ds)
            kept.file_meta = FileMetaDataset()
            kept.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            self._anonymizer.anonymize(kept)
        self._sign(kept)
        return Cleaned(kept, removed, tuple(found))

    def uid(self, uid: str) -> str:
        """Return what a UID becomes, as in the objects."""
        ds = Dataset()
        ds.StudyInstanceUID = uid
        ds.file_meta = FileMetaDataset()
        self._anonymizer.anonymize(ds)
        return str(ds.StudyInstanceUID)

    def _sign(self, ds: Dataset) -> None:
        ds.PatientName = ds.PatientID = self.pseudonym
        ds.PatientIdentityRemoved = "YES"
        ds.LongitudinalTemporalInformationModified = "MODIFIED"
        ds.DeidentificationMethod = ["DICOGNITO", "LIST OF WHAT STAYS"]
        ds.DeidentificationMethodCodeSequence = [_code(*one) for one in _METHODS]


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _kept(
    ds: Dataset, where: str, names: tuple[str, ...], removed: Counter[str], found: list[str]
) -> Dataset:
    """Return a data set of what may stay; count the rest, and note where the person was named."""
    kept = Dataset()
    for element in ds:
        keyword = keyword_for_tag(element.tag)
        place = f"{where}{keyword or str(element.tag)}"
        if keyword in _SEQUENCES:
            items = [_kept(item, f"{place}.", names, removed, found) for item in element.value]
            kept.add_new(element.tag, "SQ", items)
            continue
        stays = _staying(keyword, element.value)
        if stays is not None:
            kept.add_new(element.tag, element.VR, stays)
            continue
        removed[place] += 1
        if keyword not in _IDENTIFYING and element.VR != "PN" and _names_somebody(element, names):
            found.append(place)
    return kept


def _staying(keyword: str, value: Any) -> Any:
    """Return the value that may stay under ``keyword``; None where none may."""
    if keyword in _CODES:
        return _codes(keyword, value)
    if keyword in _NUMBERS:
        return _numbers(value)
    if keyword in _DATES:
        plain = str(value).replace(".", "").strip()  # with points before 1993
        return plain if _DATE.fullmatch(plain) else None
    return value if keyword in (*_UIDS, "PixelData") else None


def _numbers(value: Any) -> Any:
    """Return numbers, written anew: a decimal string may hold anything."""
    several = isinstance(value, MultiValue | list | tuple)
    try:
        found = [float(one) for one in (value if several else (value,))]
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(np.isfinite(found)):
        return None
    whole = [int(one) if one == int(one) and abs(one) < 2**53 else one for one in found]
    return whole if several else whole[0]


def _codes(keyword: str, value: Any) -> Any:
    several = value if isinstance(value, MultiValue | list | tuple) else (value,)
    found = [one for one in (str(part).strip() for part in several) if one in _CODES[keyword]]
    return (found if len(found) > 1 else found[0]) if found else None


def _describe(kept: Dataset, ds: Dataset) -> None:
    """Say of person and scanner what a stratum needs."""
    if "PatientSex" not in kept:
        kept.PatientSex = ""
    age = _AGE.fullmatch(str(ds.get("PatientAge", "")).strip())
    if age is not None:
        kept.PatientAge = f"{min(int(age[1]), _OLDEST + 1):03d}Y"
    said = set(re.findall(r"[A-Z]+", str(ds.get("Manufacturer", "")).upper()))
    kept.Manufacturer = next((one for one in _MAKERS if one in said), "")
    kept.PixelData = _without_spare_bits(kept, bytes(ds.PixelData))


def _without_spare_bits(ds: Dataset, pixels: bytes) -> bytes:
    """Return pixels whose bits beyond Bits Stored only repeat the sign: overlays lay there.

    PS3.5 8.1.1; overlays in pixel data were retired with PS3.5-2004.
    """
    allocated, stored = int(ds.get("BitsAllocated", 16)), int(ds.get("BitsStored", 16))
    high = int(ds.get("HighBit", stored - 1))
    samples = int(ds.get("Rows", 0)) * int(ds.get("Columns", 0)) * int(ds.get("SamplesPerPixel", 1))
    size = samples * int(ds.get("NumberOfFrames", 1) or 1) * allocated // 8
    if len(pixels) < size:
        raise ValueError(f"it has {len(pixels)} bytes of pixels, {size} are wanted")
    pixels = pixels[:size]  # nothing is shown of what follows
    if allocated not in (8, 16) or high != stored - 1 or stored >= allocated:
        return pixels + b"\0" * (len(pixels) % 2)
    grey = np.frombuffer(pixels, dtype=f"<u{allocated // 8}")
    spare = allocated - stored
    if int(ds.get("PixelRepresentation", 0)):
        signed = (grey << spare).astype(f"<i{allocated // 8}") >> spare
        masked = signed.tobytes()
    else:
        masked = (grey & ((1 << stored) - 1)).astype(grey.dtype).tobytes()
    return masked + b"\0" * (len(masked) % 2)


def _names(ds: Dataset) -> Iterator[str]:
    """Yield words that name person, institution or order, from where they are meant to be."""
    for element in ds:
        if element.VR == "SQ":
            for item in element.value:
                yield from _names(item)
        elif element.VR == "PN" or keyword_for_tag(element.tag) in _IDENTIFYING:
            text = words(str(element.value))
            parts = [text, *re.findall(r"\w+", text)] if element.VR == "PN" else [text]
            yield from (part for part in parts if len(part) >= _SHORTEST)


def _names_somebody(element: DataElement, names: tuple[str, ...]) -> bool:
    value = element.value
    if element.VR == "SQ":
        return any(_names_somebody(one, names) for item in value for one in item)
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return _has_name(str(value), names)


def _has_name(text: str, names: tuple[str, ...]) -> bool:
    plain = words(text)
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plain) for name in names)


_UNKNOWN = [
    word
    for word in (*_UIDS, *_CODES, *_NUMBERS, *_SEQUENCES, *_DATES, *_IDENTIFYING)
    if tag_for_keyword(word) is None
]
if _UNKNOWN:  # a keyword that is misspelt would stay unsearched for
    raise ImportError(f"no keywords of PS3.6: {_UNKNOWN}")
