"""A rejection note as DICOM has it: a Key Object Selection Document.

References
----------
PS3.3 A.35.4 (Key Object Selection Document IOD); PS3.16 TID 2010, CID 7010; IHE RAD TF-1 44,
Imaging Object Change Management.
"""

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    Comprehensive3DSRStorage,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
)

from dicom_node import __version__
from dicom_node.dicom import MANUFACTURER, MODEL_NAME
from dicom_node.errors import OutputInvalid
from dicom_node.rejections import Because, Rejection
from dicom_node.results import Site, instance_uid, series_uid
from dicom_node.results.copy import IN_NO_DOCUMENT, copy_from, strict, zone_of
from dicom_node.results.provenance import code
from dicom_node.results.valid import valid_text

__all__ = ["KEY_OBJECT", "TITLES", "make_note"]

KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"
TITLES: Mapping[Because, Dataset] = {
    Because.SUPERSEDED: code("113001", "DCM", "Rejected for Quality Reasons"),
    Because.WITHDRAWN: code("113001", "DCM", "Rejected for Quality Reasons"),
    Because.REFUSED: code("113001", "DCM", "Rejected for Quality Reasons"),
    Because.RECALLED: code("113037", "DCM", "Rejected for Patient Safety Reasons"),
}
"""By which a peer knows a rejection note (CID 7010)."""
_SLOT: Mapping[Because, int] = {
    Because.REFUSED: 96,
    Because.WITHDRAWN: 97,
    Because.SUPERSEDED: 98,
    Because.RECALLED: 99,
}
"""Which series number after the rejected one's: that × 100, plus this."""
_WITHOUT_NUMBER = 9900
_NO_IMAGES = (
    Comprehensive3DSRStorage, EncapsulatedPDFStorage, GrayscaleSoftcopyPresentationStateStorage,
)  # fmt: skip
"""Companions of a result that are referred to as objects and not as images."""


def make_note(rejection: Rejection, header: Dataset, site: Site) -> Dataset:
    """Return the note that rejects a series; the same rejection, the same note.

    Parameters
    ----------
    header : Dataset
        Of one instance of the series, or of its study: patient and study are copied from it.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM.
    """
    ds = copy_from(header, acquired=False)
    for keyword in IN_NO_DOCUMENT:
        if keyword in ds:
            delattr(ds, keyword)
    try:
        with strict():
            _describe(ds, rejection, header, site)
            _refer(ds, rejection, site)
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the note is no valid DICOM: {exc}") from exc
    return ds


def _describe(ds: Dataset, rejection: Rejection, header: Dataset, site: Site) -> None:
    """Write series, equipment and marks (PS3.3 C.17.6.1, C.7.5.1, C.12.1)."""
    kind = f"rejection {rejection.because}"
    at = rejection.at.astimezone(zone_of(ds))
    for keyword in ("InstanceCreation", "Series", "Content"):
        setattr(ds, f"{keyword}Date", at.strftime("%Y%m%d"))
        setattr(ds, f"{keyword}Time", at.strftime("%H%M%S.%f"))
    ds.SOPClassUID, ds.Modality = KEY_OBJECT, "KO"
    ds.SOPInstanceUID = instance_uid(rejection.series_uid, kind, 1)
    ds.SeriesInstanceUID = series_uid(rejection.series_uid, kind)
    ds.SeriesNumber, ds.InstanceNumber = _number(rejection, header), 1
    ds.SeriesDescription = f"Rejection note: SYNTHETIC series {rejection.because}"
    ds.ReferencedPerformedProcedureStepSequence = Items([])
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, MODEL_NAME
    ds.DeviceSerialNumber, ds.SoftwareVersions = site.node_uid[-16:], __version__
    if site.institution:
        ds.InstitutionName = site.institution
    ds.InstanceCreatorUID = site.node_uid
    ds.SyntheticData, ds.ContentQualification = "YES", site.qualification


def _number(rejection: Rejection, header: Dataset) -> int:
    slot = _SLOT[rejection.because]
    rejected = 0
    if valid_text(header, "SeriesInstanceUID") == rejection.series_uid:
        rejected = int(valid_text(header, "SeriesNumber") or 0)
    number = rejected * 100 + slot
    return number if rejected > 0 and number < 2**31 else _WITHOUT_NUMBER + slot


def _refer(ds: Dataset, rejection: Rejection, site: Site) -> None:
    """Write the document: what is rejected, why, by which device (PS3.3 C.17.6.2, C.17.3)."""
    series, study = Dataset(), Dataset()
    series.SeriesInstanceUID = rejection.series_uid
    series.ReferencedSOPSequence = _references(rejection.instances)
    study.StudyInstanceUID = ds.StudyInstanceUID
    study.ReferencedSeriesSequence = Items([series])
    ds.CurrentRequestedProcedureEvidenceSequence = Items([study])
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "2010"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Items([TITLES[rejection.because]])
    ds.ContentTemplateSequence = Items([template])
    device = code("121007", "DCM", "Device")
    observer = _item("HAS OBS CONTEXT", "CODE", code("121005", "DCM", "Observer Type"))
    observer.ConceptCodeSequence = Items([device])
    who = _item("HAS OBS CONTEXT", "UIDREF", code("121012", "DCM", "Device Observer UID"))
    who.UID = site.node_uid
    why = _item("CONTAINS", "TEXT", code("113012", "DCM", "Key Object Description"))
    why.TextValue = f"Series {rejection.text}"
    images = []
    for reference in _references(rejection.instances):
        shown = "COMPOSITE" if reference.ReferencedSOPClassUID in _NO_IMAGES else "IMAGE"
        image = _item("CONTAINS", shown)
        image.ReferencedSOPSequence = Items([reference])
        images.append(image)
    ds.ContentSequence = Items([observer, who, why, *images])


def _item(relationship: str, kind: str, name: Dataset | None = None) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, kind
    if name is not None:
        item.ConceptNameCodeSequence = Items([name])
    return item


def _references(instances: Sequence[tuple[str, str]]) -> Items:
    """Return new items: an item of one sequence is in no other."""
    items = []
    for of_class, uid in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = of_class, uid
        items.append(item)
    return Items(items)
