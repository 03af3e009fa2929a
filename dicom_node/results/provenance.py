"""Where a result comes from, in the words of DICOM: derivation, references, equipment."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from dicom_node import __version__
from dicom_node.dicom import MANUFACTURER, MODEL_NAME, derive_uid
from dicom_node.results.charset import sets_of
from dicom_node.results.valid import valid_element, valid_part, valid_text
from engine.provenance import ModelIdentity
from engine.volume import FrameRef

__all__ = [
    "SCHEME",
    "code",
    "contributing_equipment",
    "declare_scheme",
    "derivation",
    "node_equipment",
    "references",
    "source_images",
]

SCHEME = "99SYNTHNODE"
"""Our coding scheme designator, at most 16 characters; declared in every object."""
_ORGANISATION = MANUFACTURER


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return one item of a code sequence (PS3.3 Table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def derivation(ds: Dataset, text: str, *, resampled: bool) -> None:
    """Write what was done: text, codes, and the scheme that our code is from.

    References
    ----------
    PS3.3 C.7.6.1.1.3. CID 7203 has no code for synthesis: ours is local.
    """
    ds.DerivationDescription = text
    codes = [code("SYN-001", SCHEME, "Cross-modality image synthesis by machine learning")]
    if resampled:
        codes.append(code("113085", "DCM", "Spatial resampling"))
    ds.DerivationCodeSequence = Items(codes)
    declare_scheme(ds)


def declare_scheme(ds: Dataset) -> None:
    """Say what scheme our own codes are from (PS3.3 C.12.1, Coding Scheme Identification)."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = SCHEME
    scheme.CodingSchemeUID = derive_uid("coding scheme", SCHEME)
    scheme.CodingSchemeName = "Codes of the DICOM Synthesis Node"
    scheme.CodingSchemeResponsibleOrganization = _ORGANISATION
    ds.CodingSchemeIdentificationSequence = Items([scheme])


def source_images(refs: Iterable[FrameRef], *, same_grid: bool) -> Items:
    """Return Source Image Sequence (0008,2112); the frames of one object share an item.

    References
    ----------
    PS3.3 C.7.6.1.1.4; CID 7202.
    """
    frames: dict[tuple[str, str], list[int]] = {}
    for ref in refs:
        numbers = frames.setdefault((ref.sop_class_uid, ref.sop_instance_uid), [])
        if ref.frame is not None:
            numbers.append(ref.frame)
    items = []
    for (sop_class_uid, sop_instance_uid), numbers in frames.items():
        item = _referenced(sop_class_uid, sop_instance_uid)
        if numbers:
            item.ReferencedFrameNumber = numbers if len(numbers) > 1 else numbers[0]
        item.SpatialLocationsPreserved = "YES" if same_grid else "NO"
        purpose = code("121322", "DCM", "Source image for image processing operation")
        item.PurposeOfReferenceCodeSequence = Items([purpose])
        items.append(item)
    return Items(items)


def references(ds: Dataset, sources: Sequence[tuple[str, Sequence[FrameRef]]]) -> None:
    """Write every source instance grouped by series, and the series as related.

    Parameters
    ----------
    sources : sequence of (series UID, frames)
        All in the study of ``ds``.

    References
    ----------
    PS3.3 C.12.2 (Common Instance Reference), C.7.3.1 (Related Series); CID 7210.
    """
    groups, related = [], []
    for series, refs in sources:
        group = Dataset()
        group.SeriesInstanceUID = series
        instances = dict.fromkeys((ref.sop_class_uid, ref.sop_instance_uid) for ref in refs)
        group.ReferencedInstanceSequence = Items([_referenced(*pair) for pair in instances])
        groups.append(group)
        item = Dataset()
        item.StudyInstanceUID = ds.StudyInstanceUID
        item.SeriesInstanceUID = series
        purpose = code("121323", "DCM", "Source series for image processing operation")
        item.PurposeOfReferenceCodeSequence = Items([purpose])
        related.append(item)
    ds.ReferencedSeriesSequence = Items(groups)
    ds.RelatedSeriesSequence = Items(related)


def node_equipment(ds: Dataset, model: ModelIdentity, institution: str, serial: str) -> None:
    """Write General Equipment: this node, not the scanner (PS3.3 C.7.5.1, C.12.1.1.5)."""
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = MODEL_NAME
    ds.DeviceSerialNumber = serial
    ds.SoftwareVersions = [
        _without_backslash(text)[:64]
        for text in (
            __version__,
            f"model {model.name} {model.version}",
            f"weights sha256:{model.weights[:16]}",
        )
    ]
    if institution:
        ds.InstitutionName = institution


def contributing_equipment(ds: Dataset, source: Dataset, at: datetime, what: str) -> None:
    """Write who had a part in it: the scanner, whoever came in between, this node.

    Parameters
    ----------
    ds : Dataset
        With General Equipment of the node written.
    source : Dataset
        An instance of the source.
    at : datetime
        When, in the zone of the object's other times; written without offset.
    what : str
        What this node did.

    References
    ----------
    PS3.3 C.12.1 (Contributing Equipment Sequence); CID 7005.
    """
    scanner = Dataset()
    scanner.PurposeOfReferenceCodeSequence = Items([code("109101", "DCM", "Acquisition Equipment")])
    scanner.Manufacturer = valid_text(source, "Manufacturer") or "UNKNOWN"
    for keyword in ("ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
                    "StationName", "InstitutionName"):  # fmt: skip
        element = valid_element(source, keyword)
        if element is not None and not element.is_empty:
            scanner[keyword] = element
    node = Dataset()
    node.PurposeOfReferenceCodeSequence = Items([code("109100", "DCM", "Synthesizing Equipment")])
    for keyword in ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber",
                    "SoftwareVersions", "InstitutionName"):  # fmt: skip
        if ds.get(keyword):
            setattr(node, keyword, ds.get(keyword))
    node.ContributionDateTime = at.strftime("%Y%m%d%H%M%S.%f")
    node.ContributionDescription = what
    ds.ContributingEquipmentSequence = Items([scanner, *_between(source), node])


def _between(source: Dataset) -> Iterator[Dataset]:
    """Yield who the source says had a part in it, as far as it says so in valid elements.

    Purpose of Reference is type 1, and no code says that it is unknown: an item without one stays
    behind.
    """
    for item in source.get("ContributingEquipmentSequence") or ():
        part = valid_part(item, sets_of(source))
        if any(_is_code(purpose) for purpose in part.get("PurposeOfReferenceCodeSequence") or ()):
            if not part.get("Manufacturer"):
                part.Manufacturer = "UNKNOWN"
            yield part


def _is_code(item: Dataset) -> bool:
    values = ("CodeValue", "LongCodeValue", "URNCodeValue")
    return bool(item.get("CodeMeaning")) and any(item.get(word) for word in values)


def _referenced(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def _without_backslash(text: str) -> str:
    """Return ``text`` as one value: a backslash in LO would make two of it."""
    return text.replace("\\", "/")
