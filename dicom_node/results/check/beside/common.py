"""What every companion has to be: of the same patient and study as its result, and marked."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_node.dicom import derive_uid
from dicom_node.results.check.equipment import equipment
from dicom_node.results.check.identity import copied, series
from dicom_node.results.check.kinds import kind_of
from dicom_node.results.check.wanted import Table, Wanted, exactly, items
from dicom_node.results.making import Making
from dicom_node.results.uids import instance_uid, series_uid
from dicom_node.results.words import name_of

__all__ = ["NOT_OF_DOCUMENTS", "SCHEME", "Bulk", "Looks", "pairs", "referenced", "shared"]

SCHEME = "99SYNTHNODE"
NOT_OF_DOCUMENTS = (
    "FrameOfReferenceUID", "PositionReferenceIndicator", "BodyPartExamined", "Laterality",
    "AnatomicRegionSequence", "AnatomicalOrientationType", "RequestAttributesSequence",
)  # fmt: skip
"""What images have, and the modules of documents have not (PS3.3 A.35, A.45)."""
_WITHOUT_SOURCE = 9000


@dataclass(frozen=True, slots=True)
class Looks:
    """What tells one kind of companion from the others.

    Parameters
    ----------
    name : str
        Part of its UIDs.
    sop_class_uid, modality, title : str
        As written; the title begins its Series Description.
    slot : int
        Its series number after the result's.
    """

    name: str
    sop_class_uid: str
    modality: str
    title: str
    slot: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """The one element of a companion that is compared as bytes.

    Parameters
    ----------
    what : str
        What it has to be, for messages.
    faults : tuple of str
        What is wrong with what it has to be.
    """

    keyword: str
    vr: str
    content: bytes
    what: str
    faults: tuple[str, ...] = ()


def shared(making: Making, looks: Looks, lacks: Sequence[str] = ()) -> dict[str, Wanted]:
    """Return patient, study, series, equipment and marks, as they are wanted.

    Parameters
    ----------
    lacks : sequence of str
        What a result has of its source, and this kind has no module for.
    """
    source, own = making.sources[0].header, series(making)
    moment = "".join(str(own[f"Content{word}"].values[0]) for word in ("Date", "Time"))
    qualification = making.site.qualification
    number = int(own["SeriesNumber"].values[0]) + looks.slot
    body_part = making.task.bundle.contract.body_part
    of_source = copied(source, body_part, acquired=False)
    return {
        **{word: wanted for word, wanted in of_source.items() if word not in lacks},
        **own,
        **equipment(making, moment),
        "SOPClassUID": exactly(looks.sop_class_uid),
        "SOPInstanceUID": exactly(instance_uid(making.job_key, looks.name, 1)),
        "SeriesInstanceUID": exactly(series_uid(making.job_key, looks.name)),
        "SeriesNumber": exactly(number if number < 2**31 else _WITHOUT_SOURCE + number % 100),
        "InstanceNumber": exactly(1),
        "Modality": exactly(looks.modality),
        "SyntheticData": exactly("YES"),
        "ContentQualification": exactly(qualification),
        "SeriesDescription": exactly(
            f"{looks.title} of s{name_of(making)} (SYNTHETIC, {qualification})"
        ),
        "CodingSchemeIdentificationSequence": items(
            {
                "CodingSchemeDesignator": exactly(SCHEME),
                "CodingSchemeUID": exactly(derive_uid("coding scheme", SCHEME)),
                "CodingSchemeName": exactly("Codes of the DICOM Synthesis Node"),
                "CodingSchemeResponsibleOrganization": exactly("DICOM Synthesis Node project"),
            }
        ),
    }


def pairs(making: Making) -> list[tuple[str, str]]:
    """Return class and UID of each instance of the result, in slice order."""
    of_class = str(kind_of(making.task.makes).table(making)["SOPClassUID"].values[0])
    count = making.synthesis.stored.pixels.shape[0]
    makes = making.task.makes
    return [(of_class, instance_uid(making.job_key, makes, z + 1)) for z in range(count)]


def referenced(found: Sequence[tuple[str, str]]) -> list[Table]:
    """Return a table for each object that is named by class and UID."""
    return [
        {"ReferencedSOPClassUID": exactly(of_class), "ReferencedSOPInstanceUID": exactly(uid)}
        for of_class, uid in found
    ]
