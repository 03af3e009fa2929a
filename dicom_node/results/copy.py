"""What crosses from source to result: a whitelist by module, never "copy and delete".

Everything else stays behind: group 0018, private elements, overlays, windows of the source, and
whatever else describes an acquisition that the result did not have.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from pydicom import config
from pydicom.dataset import Dataset

from dicom_node.results.charset import UTF8, is_readable, sets_of, unknown_sets
from dicom_node.results.valid import valid_element, valid_text

__all__ = [
    "IN_NO_DOCUMENT",
    "acquired_at",
    "copy_from",
    "declare_set",
    "offset_of",
    "strict",
    "undecodable",
    "zone_of",
]

IDENTITY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber",
    "ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator",
)  # fmt: skip
"""Type 1 and 2: copied as they stand even where invalid, for a change would split the study; what
is absent is written empty. PS3.3 C.7.1.1, C.7.2.1, C.7.4.1."""

OF_PATIENT_AND_STUDY = (
    # Patient, PS3.3 C.7.1.1
    "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
    "PatientBirthTime", "OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroupCodeSequence",
    "PatientComments", "QualityControlSubject", "PatientIdentityRemoved",
    # General Study, C.7.2.1
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianIdentificationSequence",
    "StudyDescription", "ProcedureCodeSequence", "PhysiciansOfRecord",
    "PhysiciansOfRecordIdentificationSequence", "NameOfPhysiciansReadingStudy",
    "PhysiciansReadingStudyIdentificationSequence", "ConsultingPhysicianName",
    "ConsultingPhysicianIdentificationSequence", "RequestingService",
    "RequestingServiceCodeSequence", "ReasonForPerformedProcedureCodeSequence",
    # Patient Study, C.7.2.2
    "AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence", "PatientAge", "PatientSize",
    "PatientSizeCodeSequence", "PatientBodyMassIndex", "MeasuredAPDimension",
    "MeasuredLateralDimension", "PatientWeight", "MedicalAlerts", "Allergies", "Occupation",
    "SmokingStatus", "AdditionalPatientHistory", "PregnancyStatus", "LastMenstrualDate",
    "ReasonForVisit", "ReasonForVisitCodeSequence", "AdmissionID", "IssuerOfAdmissionIDSequence",
    "ServiceEpisodeID", "ServiceEpisodeDescription", "IssuerOfServiceEpisodeIDSequence",
    "PatientState",
)  # fmt: skip
"""Type 3 of the patient and the study: copied where valid, and empty where they are empty, so that
one patient and one study say the same in every object: docs/adr/0005. A sequence without items is
an error and is left out."""

WITH_VALUE_ONLY = (
    # Patient, conditional
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription",
    "PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson",
    "ResponsiblePersonRole", "ResponsibleOrganization", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "PatientSexNeutered",
    # General Series, C.7.3.1: an empty Laterality is an error
    "BodyPartExamined", "Laterality", "AnatomicRegionSequence", "AnatomicalOrientationType",
    "RequestAttributesSequence",
    # SOP Common, C.12.1
    "LongitudinalTemporalInformationModified",
)  # fmt: skip
"""Conditional, and of the series: copied only with a value, and only a valid one."""

IN_NO_DOCUMENT = (
    "FrameOfReferenceUID", "PositionReferenceIndicator", "BodyPartExamined", "Laterality",
    "AnatomicRegionSequence", "AnatomicalOrientationType", "RequestAttributesSequence",
)  # fmt: skip
"""What is of images, and in no module of a document (PS3.3 A.35, A.45)."""

CLINICAL_TRIAL = {
    # Clinical Trial Subject, C.7.1.3
    (
        "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "IssuerOfClinicalTrialProtocolID",
        "OtherClinicalTrialProtocolIDsSequence", "IssuerOfClinicalTrialSiteID",
        "ClinicalTrialSubjectID", "IssuerOfClinicalTrialSubjectID",
        "ClinicalTrialSubjectReadingID", "IssuerOfClinicalTrialSubjectReadingID",
        "ClinicalTrialProtocolEthicsCommitteeName",
        "ClinicalTrialProtocolEthicsCommitteeApprovalNumber",
    ): ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName"),
    # Clinical Trial Study, C.7.2.3
    (
        "ClinicalTrialTimePointDescription", "LongitudinalTemporalOffsetFromEvent",
        "LongitudinalTemporalEventType", "ClinicalTrialTimePointTypeCodeSequence",
        "IssuerOfClinicalTrialTimePointID", "ConsentForClinicalTrialUseSequence",
    ): ("ClinicalTrialTimePointID",),
}  # fmt: skip
"""By module: what is copied with a value only, and what is type 2, there wherever the module is."""

ACQUIRED = ("AcquisitionDate", "AcquisitionTime")
"""For CT and MR results: the underlying data were acquired then. PS3.3 C.7.10.1."""

ZONE = "TimezoneOffsetFromUTC"
_OFFSET = re.compile(r"(?!-0000)([+-])(\d\d)([0-5]\d)")
_MOMENT = re.compile(r"(\d{14})(\.\d{1,6})?([+-]\d{4})?")
"""A DT (PS3.5 6.2) that tells the second."""
_WEST, _EAST = timedelta(hours=-12), timedelta(hours=14)


@contextmanager
def strict() -> Iterator[None]:
    """Let pydicom refuse invalid values on assignment and on writing, here only.

    Assignment is governed by its reading mode, so both are set.
    """
    before = config.settings.reading_validation_mode, config.settings.writing_validation_mode
    config.settings.reading_validation_mode = config.RAISE
    config.settings.writing_validation_mode = config.RAISE
    try:
        yield
    finally:
        config.settings.reading_validation_mode = before[0]
        config.settings.writing_validation_mode = before[1]


def copy_from(source: Dataset, *, acquired: bool) -> Dataset:
    """Return a new data set with what may cross from ``source``.

    Parameters
    ----------
    source : Dataset
        Any instance of the source series; its values are decoded, so names survive a change of
        character set.
    acquired : bool
        Whether the result says when its source was acquired.

    References
    ----------
    PS3.3 A.3.3 (CT Image IOD Module Table) and the modules named above.
    """
    with config.disable_value_validation():  # what is invalid is found below, element by element
        return _copied(source, acquired=acquired)


def _copied(source: Dataset, *, acquired: bool) -> Dataset:
    target = Dataset()
    declare_set(target, source)
    for keyword in IDENTITY:
        value = source.get(keyword)
        setattr(target, keyword, "" if value is None else value)
    for keyword in OF_PATIENT_AND_STUDY:
        if (element := valid_element(source, keyword)) is not None:
            target[keyword] = element
    _copy_values(source, target, (*WITH_VALUE_ONLY, *(ACQUIRED if acquired else ())))
    _copy_trial(source, target)
    if offset_of(valid_text(source, ZONE)) is not None:
        setattr(target, ZONE, valid_text(source, ZONE))
    if acquired and "AcquisitionDate" not in target:
        zone = zone_of(target) if ZONE in target else None
        if (moment := acquired_at(source, zone)) is not None:
            target.AcquisitionDate, target.AcquisitionTime = moment
    return target


def declare_set(target: Dataset, source: Dataset) -> None:
    """Declare the character set of ``source``, or none; UTF-8 where nobody knows it."""
    if sets := sets_of(source):
        known = not unknown_sets(sets)
        target.SpecificCharacterSet = source.SpecificCharacterSet if known else UTF8
    elif "SpecificCharacterSet" in target:
        del target.SpecificCharacterSet


def _copy_values(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        element = valid_element(source, keyword)
        if element is not None and not element.is_empty:
            target[keyword] = element


def _copy_trial(source: Dataset, target: Dataset) -> None:
    for words, of_type_2 in CLINICAL_TRIAL.items():
        _copy_values(source, target, (*words, *of_type_2))
        if any(word in target for word in (*words, *of_type_2)):
            for word in of_type_2:
                target.setdefault(word, "")


def acquired_at(source: Dataset, zone: tzinfo | None) -> tuple[str, str] | None:
    """Return date and time of an Enhanced object, which has them in one value (0008,002A).

    Parameters
    ----------
    source : Dataset
        Its value may say its own zone.
    zone : tzinfo or None
        In which they are wanted, that of the object's other times; None where it says none.

    Returns
    -------
    tuple or None
        Date and time; None where the source tells no second.
    """
    found = _MOMENT.fullmatch(valid_text(source, "AcquisitionDateTime"))
    if found is None:
        return None
    local, fraction, offset = found.groups(default="")
    if zone is not None and offset_of(offset) is not None:
        try:
            moment = datetime.strptime(local + offset, "%Y%m%d%H%M%S%z")
        except ValueError:  # the 30th of February, a leap second
            return None
        local = moment.astimezone(zone).strftime("%Y%m%d%H%M%S")
    return local[:8], local[8:] + fraction


def zone_of(ds: Dataset) -> tzinfo:
    """Return the zone that the dates and times of ``ds`` are in: its own offset, else UTC.

    UTC, and not the zone of the host that computes: one job has the same bytes wherever it runs.

    References
    ----------
    PS3.3 C.12.1 (Timezone Offset From UTC (0008,0201)).
    """
    offset = offset_of(str(ds.get(ZONE) or ""))
    return UTC if offset is None else timezone(offset)


def offset_of(text: str) -> timedelta | None:
    """Return what a Timezone Offset From UTC says; None where it says nothing valid."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return None
    sign, hours, minutes = found.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return offset if _WEST <= offset <= _EAST else None


def undecodable(source: Dataset) -> list[str]:
    """Return the identity attributes whose text cannot be read in a declared character set.

    A guessed name is another patient's. Other attributes are left out where they cannot be read.
    """
    sets = sets_of(source)
    return [
        word for word in IDENTITY if word in source and not is_readable(source.get_item(word), sets)
    ]
