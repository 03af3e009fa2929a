"""Kinds of source that a result has to be right for: what each changes in a plain series."""

from dataclasses import replace

import numpy as np
from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from dicom_node.results.copy import OF_PATIENT_AND_STUDY
from dicom_node.results.provenance import code
from tests.support.mr import MrSeries


def oblique(ds):
    angle = np.deg2rad(17)
    row, column = [np.cos(angle), np.sin(angle), 0], [0, 0, -1]
    normal = np.cross(row, column)
    ds.ImageOrientationPatient = [f"{v:.10f}"[:16] for v in (*row, *column)]
    place = (int(ds.InstanceNumber) - 10) * 8.0 * normal
    ds.ImagePositionPatient = [f"{v:.10f}"[:16] for v in place]


def feet_first(ds):
    ds.PatientPosition = "FFS"


def japanese(ds):
    ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    ds.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def german(ds):
    ds.PatientName = "Müller^Jörg"


def empty_laterality(ds):
    ds.Laterality = ""


def no_body_part(ds):
    del ds.BodyPartExamined
    ds.StudyDescription = "HEAD"


def masked_dates(ds):
    del ds.StudyDate
    with disable_value_validation():
        ds.StudyDate = "***"


def bad_codes(ds):
    from pydicom.sequence import Sequence

    item = Dataset()
    with disable_value_validation():
        item.CodeValue = "X" * 20
    item.CodingSchemeDesignator, item.CodeMeaning = "DCM", "too long"
    ds.DeidentificationMethodCodeSequence = Sequence([item])


def with_zone(ds):
    ds.TimezoneOffsetFromUTC = "+0900"


def odd_scanner(ds):
    """Attributes of the scanner as some sites fill them in: too long, or of no such value."""
    with disable_value_validation():
        ds.StationName = "MRC35003-RADIOLOGY-1"
        ds.InstitutionName = "X" * 70
        ds.Manufacturer = "Y" * 70
        ds.ManufacturerModelName = "Z" * 70
        ds.PatientPosition = "hfs"


def unknown_position(ds):
    ds.PatientPosition = "SITTING"


def unreadable_numbers(ds):
    for word, vr, content in (
        ("SeriesNumber", "IS", b"three "), ("PatientWeight", "DS", b"seventy "),
        ("PatientAge", "AS", b"30"), ("PatientSize", "DS", b"1.7\\1.8 "),
        ("PregnancyStatus", "US", b"\1\0\1\0"),
    ):  # fmt: skip
        tag = Tag(word)
        ds[tag] = RawDataElement(tag, vr, len(content), content, 0, False, True)


def equipment(ds):
    """Three that had a part in it: one with faults, one without a maker, one without a purpose."""
    items = [Dataset(), Dataset(), Dataset()]
    for item in items[:2]:
        item.PurposeOfReferenceCodeSequence = [code("109102", "DCM", "Processing Equipment")]
    items[0].Manufacturer, items[0].StationName = "MAKER", "BETWEEN"
    items[0].private_block(0x0011, "ACME", create=True).add_new(1, "LO", "secret")
    inner = items[0].PurposeOfReferenceCodeSequence[0]
    inner.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "secret")
    with disable_value_validation():
        items[0].ContributionDateTime = "2026-01-01"
    items[2].Manufacturer = "NOBODY KNOWS WHAT FOR"
    ds.ContributingEquipmentSequence = items


def no_items(ds):
    for word in OF_PATIENT_AND_STUDY:
        setattr(ds, word, [] if word.endswith("Sequence") else None)


def trial(ds):
    ds.ClinicalTrialSponsorName, ds.ClinicalTrialProtocolID = "Sponsor", "P-1"
    ds.ClinicalTrialProtocolName = ds.ClinicalTrialSiteID = ds.ClinicalTrialSiteName = ""
    ds.ClinicalTrialSubjectID, ds.IssuerOfClinicalTrialSubjectID = "S-1", "Sponsor"
    ds.LongitudinalTemporalOffsetFromEvent = 12.5
    ds.LongitudinalTemporalEventType = "ENROLLMENT"
    ds.ClinicalTrialTimePointID = ""


FEW = MrSeries(slices=8)
KINDS = {
    "plain": (FEW, None),
    "sagittal": (replace(FEW, plane="sagittal"), None),
    "coronal": (replace(FEW, plane="coronal"), None),
    "oblique": (FEW, oblique),
    "feet first": (FEW, feet_first),
    "japanese": (FEW, japanese),
    "german": (FEW, german),
    "empty laterality": (FEW, empty_laterality),
    "no body part": (FEW, no_body_part),
    "bad optional codes": (FEW, bad_codes),
    "time zone": (FEW, with_zone),
    "odd scanner": (FEW, odd_scanner),
    "unknown position": (FEW, unknown_position),
    "unreadable numbers": (FEW, unreadable_numbers),
    "equipment between": (FEW, equipment),
    "sequences without items": (FEW, no_items),
    "clinical trial": (FEW, trial),
}
