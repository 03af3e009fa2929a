"""What can be asked for, level by level: one table for matching, answers, index and conformance."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from pydicom.datadict import dictionary_description, dictionary_VR, tag_for_keyword

__all__ = ["ATTRIBUTES", "COUNTED", "KEPT", "Attribute", "Level", "attribute_at", "kept_at"]


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052), from the widest to the narrowest (PS3.4 C.3)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def above(self) -> tuple["Level", ...]:
        """Levels whose attributes belong to an answer at this one, itself the last of them."""
        return tuple(Level)[: tuple(Level).index(self) + 1]


@dataclass(frozen=True)
class Attribute:
    """One attribute that is known at a level.

    Parameters
    ----------
    keyword : str
        As in PS3.6.
    level : Level
        Where it belongs.
    counted : bool
        Whether it is found out when asked, from the rows below; such a one is no matching key but
        where :data:`COUNTED` says so.
    """

    keyword: str
    level: Level
    counted: bool = False

    @cached_property
    def tag(self) -> int:
        """Group and element."""
        tag = tag_for_keyword(self.keyword)
        if tag is None:  # cannot be: a test walks the table
            raise KeyError(self.keyword)
        return int(tag)

    @cached_property
    def key(self) -> str:
        """The tag as the JSON model writes it (PS3.18 F.2.2)."""
        return f"{self.tag:08X}"

    @cached_property
    def vr(self) -> str:
        """Value representation; the first where PS3.6 names several."""
        return dictionary_VR(self.tag).split(" ")[0]

    @cached_property
    def name(self) -> str:
        """As a person reads it."""
        return dictionary_description(self.tag)


_KEPT = {
    Level.PATIENT: """
        PatientName PatientID IssuerOfPatientID PatientBirthDate PatientBirthTime PatientSex
        OtherPatientNames EthnicGroup PatientComments
    """,
    Level.STUDY: """
        StudyInstanceUID StudyDate StudyTime AccessionNumber StudyID StudyDescription
        ReferringPhysicianName PhysiciansOfRecord NameOfPhysiciansReadingStudy
        AdmittingDiagnosesDescription PatientAge PatientSize PatientWeight
    """,
    Level.SERIES: """
        SeriesInstanceUID Modality SeriesNumber SeriesDate SeriesTime SeriesDescription
        ProtocolName BodyPartExamined Laterality PatientPosition Manufacturer
        ManufacturerModelName StationName InstitutionName InstitutionalDepartmentName
        OperatorsName PerformingPhysicianName FrameOfReferenceUID SequenceName
        PerformedProcedureStepStartDate PerformedProcedureStepStartTime PerformedProcedureStepID
        PerformedProcedureStepDescription RequestAttributesSequence SyntheticData
    """,
    Level.IMAGE: """
        SOPInstanceUID SOPClassUID InstanceNumber ImageType ContentDate ContentTime
        AcquisitionDate AcquisitionTime AcquisitionNumber AcquisitionDateTime
        InstanceCreationDate InstanceCreationTime NumberOfFrames Rows Columns BitsAllocated
        PhotometricInterpretation SliceLocation ImagePositionPatient ImageOrientationPatient
        PixelSpacing SliceThickness ContentLabel ContentDescription ConceptNameCodeSequence
        CompletionFlag VerificationFlag
    """,
}

KEPT: Mapping[str, Attribute] = {
    keyword: Attribute(keyword, level)
    for level, keywords in _KEPT.items()
    for keyword in keywords.split()
}
"""Read from the objects. Those of patient, study and series are kept with the rows; those of an
image are read from its file when they are asked for."""

COUNTED: Mapping[str, Attribute] = {
    keyword: Attribute(keyword, level, counted=True)
    for keyword, level in {
        "NumberOfPatientRelatedStudies": Level.PATIENT,
        "NumberOfPatientRelatedSeries": Level.PATIENT,
        "NumberOfPatientRelatedInstances": Level.PATIENT,
        "ModalitiesInStudy": Level.STUDY,
        "SOPClassesInStudy": Level.STUDY,
        "NumberOfStudyRelatedSeries": Level.STUDY,
        "NumberOfStudyRelatedInstances": Level.STUDY,
        "NumberOfSeriesRelatedInstances": Level.SERIES,
    }.items()
}
"""Found out from the rows below. Modalities and SOP classes are matching keys too."""

ATTRIBUTES: Mapping[str, Attribute] = {**KEPT, **COUNTED}
_BY_TAG = {attribute.tag: attribute for attribute in ATTRIBUTES.values()}


def attribute_at(tag: int) -> Attribute | None:
    """Return the attribute with this tag; None for one that is not known at any level."""
    return _BY_TAG.get(tag)


def kept_at(level: Level) -> tuple[Attribute, ...]:
    """Return what is read from objects for a level."""
    return tuple(one for one in KEPT.values() if one.level is level)
