"""Faults of headers and of whole slices: what a file says, or how the files are put together.

Each takes the data sets of one series, changes them in place, and may return others. It stands
beside the code that it has to be refused with.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

__all__ = [
    "FOR_RADIOTHERAPY",
    "HEADER_FAULTS",
    "OWN_CREATOR",
    "OWN_DEVICE",
    "OWN_SERIES",
    "Spoil",
    "by_place",
    "every",
]

Spoil = Callable[[list[Dataset]], list[Dataset] | None]
OWN_CREATOR, OWN_DEVICE, OWN_SERIES = "2.25.1", "2.25.2", "2.25.77"
"""By which the node that judges knows its own work."""


def by_place(slices: Sequence[Dataset]) -> list[Dataset]:
    """Return slices in their order along the normal."""
    cosines = np.array([float(one) for one in slices[0].ImageOrientationPatient])
    normal = np.cross(cosines[:3], cosines[3:])
    return sorted(
        slices, key=lambda ds: float(normal @ np.array(ds.ImagePositionPatient, dtype=float))
    )


def every(**values: Any) -> Spoil:
    """Set attributes of all slices."""

    def spoil(slices: list[Dataset]) -> None:
        for ds in slices:
            for keyword, value in values.items():
                setattr(ds, keyword, value)

    return spoil


def one(**values: Any) -> Spoil:
    """Set attributes of a single slice."""

    def spoil(slices: list[Dataset]) -> None:
        for keyword, value in values.items():
            setattr(slices[5], keyword, value)

    return spoil


def kind(*values: str) -> Spoil:
    """Set what follows ORIGINAL, PRIMARY in Image Type."""
    return every(ImageType=["ORIGINAL", "PRIMARY", *values])


def _moved(ds: Dataset, by: np.ndarray) -> None:
    place = np.array(ds.ImagePositionPatient, dtype=float) + by
    ds.ImagePositionPatient = [f"{value:.6g}" for value in place]


def _step(slices: list[Dataset]) -> np.ndarray:
    """Return the way from one slice to the next, in mm."""
    first, second = (np.array(ds.ImagePositionPatient, dtype=float) for ds in by_place(slices)[:2])
    return second - first


def _gap(slices: list[Dataset]) -> list[Dataset]:
    kept = by_place(slices)
    del kept[len(kept) // 2]
    return kept


def _uneven(slices: list[Dataset]) -> None:
    _moved(by_place(slices)[len(slices) // 2], 0.24 * _step(slices))


def _same_place(slices: list[Dataset]) -> None:
    ordered = by_place(slices)
    middle = len(slices) // 2
    ordered[middle].ImagePositionPatient = ordered[middle + 1].ImagePositionPatient


def _leaning(slices: list[Dataset]) -> None:
    columns = np.array([float(value) for value in slices[0].ImageOrientationPatient[3:]])
    step = float(np.linalg.norm(_step(slices)))
    for index, ds in enumerate(by_place(slices)):
        _moved(ds, 0.2 * step * index * columns)


def _turned(slices: list[Dataset]) -> None:
    for ds in slices[: len(slices) // 2]:
        rows, columns = ds.ImageOrientationPatient[:3], ds.ImageOrientationPatient[3:]
        ds.ImageOrientationPatient = [*columns, *rows]


def _placeless(slices: list[Dataset]) -> None:
    del slices[3].ImagePositionPatient


def _two_echoes(slices: list[Dataset]) -> None:
    for ds in slices[::2]:
        ds.EchoTime = float(ds.EchoTime) + 6


def _two_times(slices: list[Dataset]) -> list[Dataset]:
    later = copy.deepcopy(slices)
    for ds in later:
        ds.SOPInstanceUID = generate_uid()
        ds.TemporalPositionIdentifier, ds.AcquisitionNumber = 2, 2
    for ds in slices:
        ds.TemporalPositionIdentifier = 1
    return [*slices, *later]


def _mixed_matrix(slices: list[Dataset]) -> None:
    ds = slices[0]
    ds.Rows //= 2
    ds.PixelData = ds.PixelData[: ds.Rows * ds.Columns * 2]


def _cut_pixels(slices: list[Dataset]) -> None:
    slices[0].PixelData = slices[0].PixelData[:1000]


def _spread(slices: list[Dataset], times: float) -> None:
    first = np.array(by_place(slices)[0].ImagePositionPatient, dtype=float)
    for ds in slices:
        _moved(ds, (times - 1) * (np.array(ds.ImagePositionPatient, dtype=float) - first))


def _thick(slices: list[Dataset]) -> None:
    _spread(slices, 8.5 / float(np.linalg.norm(_step(slices))))


def _zoomed(width_mm: float) -> Spoil:
    def spoil(slices: list[Dataset]) -> None:
        for ds in slices:
            ds.PixelSpacing = [width_mm / ds.Rows, width_mm / ds.Columns]

    return spoil


def _coarse(slices: list[Dataset]) -> None:
    for ds in slices:
        ds.PixelSpacing = [3.0, 3.0]


def _colour(slices: list[Dataset]) -> None:
    for ds in slices:
        ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
        ds.PixelData = ds.PixelData * 3


def _eight_bits(slices: list[Dataset]) -> None:
    for ds in slices:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
        small = np.frombuffer(ds.PixelData, "<u2").astype(np.uint8).tobytes()
        ds.PixelData = small + b"\0" * (len(small) % 2)


def _synthesized(slices: list[Dataset]) -> None:
    purpose = Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "109100", "DCM"
    purpose.CodeMeaning = "Synthesizing Equipment"
    item = Dataset()
    item.Manufacturer, item.PurposeOfReferenceCodeSequence = "X", [purpose]
    slices[7].ContributingEquipmentSequence = [item]


def _refers_to_own(slices: list[Dataset]) -> None:
    item = Dataset()
    item.SeriesInstanceUID = OWN_SERIES
    slices[7].ReferencedSeriesSequence = [item]


def _report(slices: list[Dataset]) -> None:
    for ds in slices:
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.88.33"
        del ds.PixelData, ds.Rows, ds.Columns


def _species(slices: list[Dataset]) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "448771007", "SCT", "Dog"
    for ds in slices:
        ds.PatientSpeciesCodeSequence = [item]


FOR_RADIOTHERAPY = "distortion left in, for radiotherapy"
"""A fault on the grid of radiotherapy alone."""
HEADER_FAULTS: tuple[tuple[str, str, Spoil], ...] = (
    ("a slice is missing", "GEOM_GAP", _gap),
    ("a slice lies off its place", "GEOM_SPACING", _uneven),
    ("two slices in one place", "GEOM_DUPLICATE", _same_place),
    ("a leaning stack", "GEOM_TILT", _leaning),
    ("half of the slices turned", "GEOM_ORIENTATION", _turned),
    ("one slice alone", "GEOM_SINGLE", lambda slices: slices[:1]),
    ("a slice without a place", "GEOM_MISSING", _placeless),
    ("a localizer", "LOCALIZER", kind("LOCALIZER")),
    ("a reformat", "DERIVED", every(ImageType=["DERIVED", "SECONDARY", "MPR"])),
    ("derived, by a later word", "DERIVED", kind("W", "W", "DERIVED")),
    ("a phase image", "PHASE", kind("P", "NORM")),
    ("a mosaic", "MOSAIC", kind("M", "MOSAIC")),
    ("echo-planar", "EPI", every(ScanningSequence="EP")),
    ("a diffusion weight", "DIFFUSION", one(DiffusionBValue=1000.0)),
    ("perfusion", "PERFUSION", kind("ASL")),
    ("colour", "COLOUR", _colour),
    ("eight bits", "COLOUR", _eight_bits),
    ("inverted grey", "COLOUR", every(PhotometricInterpretation="MONOCHROME1")),
    ("burned-in text", "BURNED_IN", one(BurnedInAnnotation="YES")),
    ("lossy compression", "LOSSY", one(LossyImageCompression="01")),
    ("synthetic, by its attribute", "SYNTHETIC", one(SyntheticData="YES")),
    ("synthetic, by Image Type", "SYNTHETIC",
     one(ImageType=["DERIVED", "SECONDARY", "AXIAL", "", "SYNTHETIC"])),
    ("our own, by its creator", "SYNTHETIC", one(InstanceCreatorUID=OWN_CREATOR)),
    ("our own, by its device", "SYNTHETIC", one(DeviceUID=OWN_DEVICE)),
    ("synthetic, by its equipment", "SYNTHETIC", _synthesized),
    ("made of our own", "SYNTHETIC", _refers_to_own),
    ("synthetic, by its comments", "SYNTHETIC", one(ImageComments="SYNTHETIC T1 - NOT ACQUIRED")),
    ("two echoes", "MULTI_ECHO", _two_echoes),
    ("two points in time", "MULTI_PHASE", _two_times),
    ("contrast given", "CONTRAST_AGENT", every(ContrastBolusAgent="Gadovist")),
    ("no words for its weighting", "SEQUENCE_UNKNOWN",
     every(SeriesDescription="", ProtocolName="", SequenceName="", PulseSequenceName="")),
    ("words of another weighting", "SEQUENCE_CONFLICT",
     every(SeriesDescription="t2_tse_tra", ProtocolName="", SequenceName="")),
    ("contrast given, by its name", "SEQUENCE_WRONG", every(SeriesDescription="t1_tfl_KM")),
    ("another body part", "ANATOMY_WRONG", every(BodyPartExamined="KNEE")),
    ("no body part", "ANATOMY_UNKNOWN", every(BodyPartExamined="", StudyDescription="")),
    ("an angiography", "ANGIOGRAPHY", every(AngioFlag="Y")),
    ("susceptibility weighting", "SUSCEPTIBILITY",
     every(ScanningSequence="GR", EchoTime=20.0)),
    ("a field map", "FIELD_MAP", every(SeriesDescription="gre_field_mapping")),
    ("two matrices", "MATRIX_MIXED", _mixed_matrix),
    ("an animal", "SPECIES", _species),
    ("on four legs", "SPECIES", every(AnatomicalOrientationType="QUADRUPED")),
    (FOR_RADIOTHERAPY, "DISTORTION_UNCORRECTED", kind("M", "ND")),
    ("a small field of view", "FOV_OUTSIDE", _zoomed(60.0)),
    ("far steps", "SPACING_OUTSIDE", _thick),
    ("coarse pixels", "SPACING_OUTSIDE", _coarse),
    ("a thin slab", "TOO_FEW_SLICES", lambda slices: by_place(slices)[:7]),
    ("a slice of another patient", "IDENTITY_CONFLICT", one(PatientID="PHANTOM-02")),
    ("no Patient ID", "IDENTITY_INVALID", every(PatientID="")),
    ("a UID that is none", "IDENTITY_INVALID", one(SOPInstanceUID="1.02.3")),
    ("pixels cut off", "PIXELS_UNREADABLE", _cut_pixels),
    ("a child", "AGE_OUTSIDE", every(PatientAge="007Y")),
    ("another magnet", "FIELD_STRENGTH", every(MagneticFieldStrength=7.0)),
    ("no image", "NOT_AN_IMAGE", _report),
)  # fmt: skip
"""What it is, the code that it has to have, and what plants it."""
