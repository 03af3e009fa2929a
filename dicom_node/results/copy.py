"""What crosses from source to result: a whitelist by module, never "copy and delete".

Everything else stays behind: group 0018, private elements, overlays, windows of the source, and
whatever else describes an acquisition that the result did not have.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydicom import config
from pydicom.charset import python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

__all__ = ["CHARACTER_SET", "UTF8", "copy_from", "strict", "undecodable"]

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
one patient and one study say the same in every object: docs/adr/0005."""

WITH_VALUE_ONLY = (
    # Patient, conditional
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription",
    "PatientBreedCodeSequence", "BreedRegistrationSequence", "ResponsiblePerson",
    "ResponsiblePersonRole", "ResponsibleOrganization", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "PatientSexNeutered",
    # Clinical Trial Subject and Study, C.7.1.3 and C.7.2.3
    "ClinicalTrialSponsorName", "ClinicalTrialProtocolID", "ClinicalTrialProtocolName",
    "ClinicalTrialSiteID", "ClinicalTrialSiteName", "ClinicalTrialSubjectID",
    "ClinicalTrialSubjectReadingID", "ClinicalTrialProtocolEthicsCommitteeName",
    "ClinicalTrialProtocolEthicsCommitteeApprovalNumber", "ClinicalTrialTimePointID",
    "ClinicalTrialTimePointDescription", "ConsentForClinicalTrialUseSequence",
    # General Series, C.7.3.1: an empty Laterality is an error
    "BodyPartExamined", "Laterality", "AnatomicRegionSequence", "AnatomicalOrientationType",
    "RequestAttributesSequence",
    # SOP Common, C.12.1
    "LongitudinalTemporalInformationModified", "TimezoneOffsetFromUTC",
)  # fmt: skip
"""Conditional, and of the series: copied only with a value, and only a valid one."""

ACQUIRED = ("AcquisitionDate", "AcquisitionTime")
"""For CT and MR results: the underlying data were acquired then. PS3.3 C.7.10.1."""

CHARACTER_SET = "SpecificCharacterSet"
UTF8 = "ISO_IR 192"


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
    if source.get(CHARACTER_SET):
        known = not _unknown_sets(source)
        target.SpecificCharacterSet = source.SpecificCharacterSet if known else UTF8
    for keyword in IDENTITY:
        value = source.get(keyword)
        setattr(target, keyword, "" if value is None else value)
    for keyword in OF_PATIENT_AND_STUDY:
        if keyword in source and _is_valid(source[keyword]):
            target[keyword] = source[keyword]
    for keyword in (*WITH_VALUE_ONLY, *(ACQUIRED if acquired else ())):
        if keyword in source and _has_value(source[keyword]) and _is_valid(source[keyword]):
            target[keyword] = source[keyword]
    if acquired and "AcquisitionDate" not in target:
        _split_acquisition_time(source, target)
    return target


def _split_acquisition_time(source: Dataset, target: Dataset) -> None:
    """Write the date and time of an Enhanced object, which has them in one value (0008,002A)."""
    text = str(source.get("AcquisitionDateTime") or "").split("+")[0].split("-")[0]
    if len(text) >= 14 and _is_valid(source["AcquisitionDateTime"]):
        target.AcquisitionDate, target.AcquisitionTime = text[:8], text[8:]


def _unknown_sets(source: Dataset) -> list[str]:
    """Return the character sets of ``source`` (0008,0005) that nobody knows."""
    value = source.get(CHARACTER_SET) or ()
    named = [value] if isinstance(value, str) else list(value)
    return [name for name in named if name and name not in python_encoding]


def undecodable(source: Dataset) -> list[str]:
    """Return the identity attributes whose text cannot be read for want of a character set.

    Text in ASCII is the same in every set; anything else would be guessed, and a guessed name is
    another patient's.
    """
    if not _unknown_sets(source):
        return []
    raw: dict[str, Any] = {
        word: source.get_item(word) for word in (*IDENTITY, *OF_PATIENT_AND_STUDY)
    }
    return [
        word
        for word, element in raw.items()
        if isinstance(element, RawDataElement) and not (element.value or b"").isascii()
    ]


def _is_valid(element: DataElement) -> bool:
    """Whether every value of ``element``, items included, is one that the standard allows."""
    if element.VR == "SQ":
        items: Sequence[Dataset] = element.value
        return all(_is_valid(inner) for item in items for inner in item)
    if element.tag.is_private:
        return False
    try:
        DataElement(element.tag, element.VR, element.value, validation_mode=config.RAISE)
    except (ValueError, TypeError):
        return False
    return True


def _has_value(element: DataElement) -> bool:
    return bool(element.value) if element.VR == "SQ" else not element.is_empty
