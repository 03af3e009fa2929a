"""What is known of one series when a cohort is chosen: of images, not of pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dicom_node.series import Findings, day_of, field_strength_t, series_texts, words
from engine.reason import Reason

__all__ = ["Person", "Seen", "seen"]

_MARKS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True, order=True, slots=True)
class Person:
    """Whose a series is: Patient ID (0010,0020) and its Issuer (0010,0021).

    A name is no person: two people have one, and one person has two.
    """

    patient_id: str
    issuer: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """One series of an archive.

    Parameters
    ----------
    person : Person or None
        None where no Patient ID is stated.
    marks : mapping
        Keyword to value of what tells one person from another, as it stands.
    label : str
        What it shows (:class:`dicom_node.series.Label`).
    synthetic : bool
        Whether it was made, not acquired, as far as anything tells.
    made_on : date or None
        Study Date (0008,0020); None where none that is a date is stated.
    manufacturer, model : str
        In small letters; empty where they are not stated.
    field_strength_t : float or None
        Of MR.
    frame_of_reference : str
        Its UID.
    said : str
        What study and series are called, in small letters.
    reasons : tuple of Reason
        Why it is not one sound volume of acquired pixels.
    unfit : tuple of Reason
        The same, and why the task's model must not be given it; of a target that is not asked.
    """

    study_uid: str
    series_uid: str
    person: Person | None
    marks: Mapping[str, str]
    label: str
    synthetic: bool
    made_on: date | None
    manufacturer: str
    model: str
    field_strength_t: float | None
    contrast_agent: bool
    frame_of_reference: str
    slices: int
    said: str
    reasons: tuple[Reason, ...] = ()
    unfit: tuple[Reason, ...] = ()


def seen(study_uid: str, series_uid: str, findings: Findings, unfit: Sequence[Reason]) -> Seen:
    """Return what a cohort is chosen by, of a series that was understood.

    Parameters
    ----------
    study_uid, series_uid : str
        As the archive has them filed.
    findings : Findings
    unfit : sequence of Reason
        Why the task's model must not be given it (:func:`dicom_node.series.fits`).
    """
    header = findings.header
    marks = {word: str(header.get(word) or "").strip() for word in _MARKS}
    told = bool(marks["PatientID"])
    return Seen(
        study_uid=study_uid,
        series_uid=series_uid,
        person=Person(marks["PatientID"], marks["IssuerOfPatientID"]) if told else None,
        marks=marks,
        label=str(findings.label),
        synthetic=findings.synthetic,
        made_on=day_of(header, "StudyDate", "AcquisitionDate"),
        manufacturer=words(header.get("Manufacturer")),
        model=words(header.get("ManufacturerModelName")),
        field_strength_t=field_strength_t(header),
        contrast_agent=findings.contrast_agent,
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        slices=findings.slices,
        said=words(f"{header.get('StudyDescription', '')} {' '.join(series_texts(header))}"),
        reasons=tuple(findings.reasons),
        unfit=tuple(unfit),
    )
