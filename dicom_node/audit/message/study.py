"""The study that an event is about, and whose it is."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag

from dicom_node.audit.message.codes import PATIENT_NUMBER, STUDY_INSTANCE_UID
from dicom_node.audit.message.values import Contents, Thing
from dicom_node.dicom import PARSER_ERRORS

__all__ = ["Study", "read_study"]

_PERSON, _PATIENT = 1, 1
_SYSTEM_OBJECT, _REPORT = 2, 3
_WANTED = ("PatientID", "PatientName", "AccessionNumber")
_LAST = 0x00100020  # Patient ID


@dataclass(frozen=True, slots=True)
class Study:
    """One study of one patient, and how many instances of it an event is about.

    Parameters
    ----------
    classes : tuple of (SOP Class UID, number of instances)
    patient_id, patient_name, accession : str
        Empty where they are not known.
    """

    uid: str
    classes: tuple[tuple[str, int], ...] = ()
    patient_id: str = ""
    patient_name: str = ""
    accession: str = ""

    def things(self) -> tuple[Thing, Thing]:
        """Return the study and the patient as an event names them (PS3.15 A.5.3.6, A.5.3.7)."""
        # A.5.2: where there is an accession number there is a SOP class
        has_both = bool(self.accession and self.classes)
        contents = Contents((self.accession,) if has_both else (), self.classes)
        study = Thing(
            self.uid, STUDY_INSTANCE_UID, _SYSTEM_OBJECT, _REPORT, name="Study", contents=contents
        )
        patient = Thing(self.patient_id, PATIENT_NUMBER, _PERSON, _PATIENT, name=self.patient_name)
        return study, patient


def read_study(
    uid: str, classes: tuple[tuple[str, int], ...], part10: Path | bytes | None
) -> Study:
    """Return the study, with what one of its instances says of the patient.

    Parameters
    ----------
    part10 : Path, bytes or None
        A DICOM file; what it does not say, or nobody can read, stays empty.
    """
    try:
        if isinstance(part10, Path):
            with part10.open("rb") as file:
                found = _read(file)
        else:
            found = _read(BytesIO(part10 or b""))
    except PARSER_ERRORS:
        return Study(uid, classes)
    return Study(uid, classes, *found)


def _read(file: BinaryIO) -> list[str]:
    """Read as far as the patient, and no further: no pixel is touched."""
    ds = read_partial(file, stop_when=_beyond)
    return [str(ds.get(word) or "").strip() for word in _WANTED]


def _beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return int(tag) > _LAST
