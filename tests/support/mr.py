"""Small MR series of a ball with a bright core: heads enough for everything but a radiologist."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.dicom import derive_uid

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
AXES = {
    "axial": ([1, 0, 0, 0, 1, 0], [0, 0, 1]),
    "sagittal": ([0, 1, 0, 0, 0, -1], [1, 0, 0]),
    "coronal": ([1, 0, 0, 0, 0, -1], [0, 1, 0]),
}


@dataclass(frozen=True)
class MrSeries:
    """What a test wants of a series; every UID follows from ``seed``."""

    seed: str = "one"
    slices: int = 20
    size: int = 48
    plane: str = "axial"
    spacing_mm: float = 4.0
    step_mm: float = 8.0
    patient_id: str = "TEST-1"

    @property
    def study_uid(self) -> str:
        return derive_uid("test study", self.seed)

    @property
    def series_uid(self) -> str:
        return derive_uid("test series", self.seed, self.plane)

    def datasets(self) -> list[Dataset]:
        volume = self._ball()
        return [self._slice(z, volume[z]) for z in range(self.slices)]

    def _ball(self) -> np.ndarray:
        half = np.array([self.slices * self.step_mm, *[self.size * self.spacing_mm] * 2]) / 2
        z, y, x = np.indices((self.slices, self.size, self.size))
        place = np.stack([z * self.step_mm, y * self.spacing_mm, x * self.spacing_mm])
        away = (place - half[:, None, None, None]) / (0.8 * half[:, None, None, None])
        radius = np.sqrt((away**2).sum(axis=0))
        noise = np.random.default_rng(abs(hash(self.seed)) % 2**32).integers(0, 20, radius.shape)
        return (np.where(radius < 0.6, 900, np.where(radius < 1, 500, 0)) + noise).astype("<u2")

    def _slice(self, z: int, pixels: np.ndarray) -> Dataset:
        cosines, along = AXES[self.plane]
        ds = Dataset()
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]
        ds.SOPClassUID, ds.SOPInstanceUID = MR_IMAGE, derive_uid("test", self.series_uid, str(z))
        ds.StudyDate, ds.StudyTime, ds.AccessionNumber = "20260102", "101010", "A1"
        ds.SeriesDate, ds.SeriesTime = "20260102", "101020"
        ds.AcquisitionDate, ds.AcquisitionTime = "20260102", "101030"
        ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "SIEMENS", "Prisma_fit"
        ds.ReferringPhysicianName = ""
        ds.SeriesDescription = ds.ProtocolName = "t1_mprage_head"
        ds.PatientName, ds.PatientID = "Test^Ball", self.patient_id
        ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
        ds.BodyPartExamined = "HEAD"
        ds.ScanningSequence, ds.SequenceVariant = ["GR", "IR"], ["SK", "SP", "MP"]
        ds.ScanOptions, ds.MRAcquisitionType, ds.SequenceName = "", "3D", "*tfl3d1_16"
        ds.RepetitionTime, ds.EchoTime, ds.InversionTime = "2000", "3.1", "900"
        ds.FlipAngle, ds.EchoTrainLength, ds.MagneticFieldStrength = "8", "1", "3"
        ds.SliceThickness = ds.SpacingBetweenSlices = str(self.step_mm)
        ds.PatientPosition = "HFS"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study_uid, self.series_uid
        ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber = "1", "3", "1"
        ds.InstanceNumber = str(z + 1)
        offset = (z - self.slices / 2) * self.step_mm
        ds.ImagePositionPatient = [str(offset * a - 90.0 * (not a)) for a in along]
        ds.ImageOrientationPatient = [str(c) for c in cosines]
        ds.FrameOfReferenceUID = derive_uid("test frame", self.seed)
        ds.PositionReferenceIndicator = ""
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.Rows, ds.Columns = pixels.shape
        ds.PixelSpacing = [str(self.spacing_mm)] * 2
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.WindowCenter, ds.WindowWidth = "450", "900"
        ds.add_new("PixelData", "OW", pixels.tobytes())
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return ds

    def write(self, folder: Path) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for ds in self.datasets():
            paths.append(folder / f"{ds.InstanceNumber:04d}.dcm")
            paths[-1].write_bytes(part10(ds))
        return paths


def acquired_ct(series: MrSeries, uid: str = "") -> list[Dataset]:
    """Return the same slices as a diagnostic CT of the same study, as it may come later."""
    found = series.datasets()
    uid = uid or derive_uid("late ct", series.seed)
    for z, ds in enumerate(found):
        ds.SOPClassUID, ds.Modality = CT_IMAGE, "CT"
        ds.SeriesInstanceUID, ds.SOPInstanceUID = uid, f"{uid}.{z}"
        ds.SeriesDescription = "CT head"
        for word in ("ScanningSequence", "SequenceVariant"):
            delattr(ds, word)
    return found


def localizer(series: MrSeries) -> list[Dataset]:
    """Return a series of the same study that no task takes."""
    found = MrSeries(seed=series.seed, plane="coronal", slices=3).datasets()
    for ds in found:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "LOCALIZER"]
        ds.SeriesDescription = ds.ProtocolName = "localizer"
    return found


def another(series: MrSeries) -> list[Dataset]:
    """Return another series of the same study, with UIDs of its own."""
    found = series.datasets()
    uid = derive_uid("another series", series.seed)
    for z, ds in enumerate(found):
        ds.SeriesInstanceUID, ds.SOPInstanceUID = uid, f"{uid}.{z}"
    return found


def part10(ds: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def encoded(ds: Dataset) -> bytes:
    """Return the data set alone, as it goes over the wire."""
    content = part10(ds)
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]
