"""What all instances of a phantom's series share, and how attributes are set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedMRImageStorage,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
)
from pydicom.valuerep import format_number_as_ds

from engine.volume import Volume
from train.phantom.vendors import Style

__all__ = [
    "DATE", "NAMESPACE", "TIME", "Patient", "code", "common", "cosines", "decimal", "item",
    "numbers", "origin", "plane", "put",
]  # fmt: skip

NAMESPACE = uuid5(NAMESPACE_URL, "phantom-series/v1")
DATE, TIME = "20240102", "101500"
_CLASSES = {
    "CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Patient:
    """Whom the series claim to show, and which examination they belong to.

    Parameters
    ----------
    seed : str
        All UIDs follow from it: one seed is one study in one frame of reference.
    name, patient_id : str
        Evidently those of a phantom.
    study_description : str
        (0008,1030); names the head, since some styles do so nowhere else.
    """

    seed: str = "head-01"
    name: str = "PHANTOM^HEAD01"
    patient_id: str = "PHANTOM-01"
    study_description: str = "Head"

    def uid(self, *parts: object) -> UID:
        """Return the UID of whatever ``parts`` name, always the same."""
        text = "".join(f"{len(str(part))}:{part}" for part in (self.seed, *parts))
        return UID(f"2.25.{uuid5(NAMESPACE, text).int}")


def plane(volume: Volume, index: int) -> dict[str, Any]:
    """Return the Image Plane of slice ``index`` (PS3.3 C.7.6.2)."""
    step, spacing_y, spacing_x = volume.grid.spacing_mm
    normal = np.cross(volume.affine[:3, 2], volume.affine[:3, 1])
    along = float(normal @ origin(volume, index) / np.linalg.norm(normal))
    return {
        "ImagePositionPatient": numbers(origin(volume, index)),
        "ImageOrientationPatient": cosines(volume),
        "PixelSpacing": numbers(np.array([spacing_y, spacing_x])),
        "SliceThickness": decimal(step),
        "SliceLocation": decimal(along),
    }


def put(ds: Dataset, values: Mapping[str, Any]) -> None:
    """Set attributes by keyword; None is an empty value, as type 2 allows."""
    for keyword, value in values.items():
        setattr(ds, keyword, list(value) if isinstance(value, tuple) else value)


def decimal(value: float) -> str:
    """Return a decimal string; rounded, since -99.99999999999999 comes out with 17 characters."""
    return format_number_as_ds(round(float(value), 9) + 0.0)


def numbers(values: NDArray[np.float64]) -> list[str]:
    """Return several decimal strings."""
    return [decimal(value) for value in values]


def common(volume: Volume, style: Style, who: Patient, number: int) -> Dataset:
    """Build all that the instances of the series share."""
    ds = Dataset()
    put(ds, {
        "SpecificCharacterSet": "ISO_IR 100",
        "SOPClassUID": EnhancedMRImageStorage if style.enhanced else _CLASSES[style.modality],
        "ImageType": style.sequence.image_type,
        "StudyDate": DATE, "SeriesDate": DATE, "AcquisitionDate": DATE, "ContentDate": DATE,
        "StudyTime": TIME, "SeriesTime": TIME, "AcquisitionTime": TIME, "ContentTime": TIME,
        "AccessionNumber": "", "ReferringPhysicianName": None, "Modality": style.modality,
        "InstitutionName": "PHANTOM LABORATORY",
        "StudyDescription": who.study_description,
        "SeriesDescription": style.sequence.description,
        "PatientName": who.name, "PatientID": who.patient_id,
        "PatientBirthDate": "19700101", "PatientSex": "O", "PatientAge": "054Y",
        "PatientWeight": 75, "PatientComments": "numerical phantom, no person",
        "ProtocolName": style.protocol or style.sequence.description, "PatientPosition": "HFS",
        "StudyInstanceUID": who.uid("study"), "SeriesInstanceUID": who.uid(style.name, number),
        "FrameOfReferenceUID": who.uid("frame"), "PositionReferenceIndicator": None,
        "StudyID": "1", "SeriesNumber": number, "AcquisitionNumber": 1, "InstanceNumber": 1,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2",
        "Rows": volume.shape[1], "Columns": volume.shape[2],
        "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
    })  # fmt: skip
    put(ds, {"BodyPartExamined": style.body_part} if style.body_part else {"Laterality": None})
    put(ds, style.equipment)
    put(ds, style.attributes)
    for element in style.private:
        block = ds.private_block(element.group, element.creator, create=True)
        block.add_new(element.element, element.vr, element.value)
    return ds


def cosines(volume: Volume) -> list[str]:
    """Return the direction of a row, then of a column."""
    _, spacing_y, spacing_x = volume.grid.spacing_mm
    axes = volume.affine[:3, [2, 1]] / (spacing_x, spacing_y)
    return numbers(axes.T.reshape(-1))


def origin(volume: Volume, index: int) -> NDArray[np.float64]:
    """Return where the first voxel of a slice lies."""
    return volume.affine[:3, 3] + index * volume.affine[:3, 0]


def item(values: Mapping[str, Any]) -> list[Dataset]:
    """Return a sequence of one item."""
    ds = Dataset()
    put(ds, values)
    return [ds]


def code(value: str, scheme: str, meaning: str) -> list[Dataset]:
    """Return a code sequence of one item (PS3.3 8.8)."""
    return item({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})
