"""Small series written to disk, with one thing spoilt, and where a test wants them to lie."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from engine.volume import Grid
from tests.support.mr import MrSeries, part10

SAID_PER_FRAME = [
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "EchoTime",
    "InversionTime",
    "RepetitionTime",
    "FlipAngle",
    "EchoTrainLength",
    "AcquisitionNumber",
    "ImageType",
]
"""What an Enhanced object says in functional groups."""
Spoil = Callable[[list[Dataset]], Sequence[Dataset] | None]


def ds_text(values) -> list[str]:
    return [format_number_as_ds(float(value)) for value in values]


def planes(count: int = 5, size: int = 8, **wanted) -> list[Dataset]:
    return MrSeries(slices=count, size=size, **wanted).datasets()


def write(folder: Path, slices: Sequence[Dataset]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, ds in enumerate(slices):
        paths.append(folder / f"{index:03d}.dcm")
        paths[-1].write_bytes(part10(ds))
    return paths


def spoilt(folder: Path, spoil: Spoil | None = None, **wanted) -> list[Path]:
    """Write a series after ``spoil`` changed its data sets in place, or returned others."""
    slices = planes(**wanted)
    return write(folder, (spoil(slices) if spoil else None) or slices)


def each(word: str, value) -> Spoil:
    """Set ``word`` in every slice."""

    def change(slices: list[Dataset]) -> None:
        for ds in slices:
            setattr(ds, word, value)

    return change


def one(word: str, value, index: int = 1) -> Spoil:
    """Set ``word`` in one slice."""
    return lambda slices: setattr(slices[index], word, value)


def move(index: int, *, by_mm: Sequence[float]) -> Spoil:
    """Move one slice."""

    def change(slices: list[Dataset]) -> None:
        place = np.array(slices[index].ImagePositionPatient, float) + by_mm
        slices[index].ImagePositionPatient = ds_text(place)

    return change


def repeated(word: str, values: Sequence, **others) -> Spoil:
    """Return the series once per value of ``word``: echoes, times, b-values at the same places."""

    def change(slices: list[Dataset]) -> list[Dataset]:
        made = []
        for number, value in enumerate(values):
            for ds in copy.deepcopy(slices):
                setattr(ds, word, value)
                for other, several in others.items():
                    setattr(ds, other, several[number])
                ds.SOPInstanceUID = f"{ds.SOPInstanceUID[:50]}.{number}"
                made.append(ds)
        return made

    return change


def on(grid: Grid, pixels: np.ndarray) -> list[Dataset]:
    """Slices of ``pixels`` (Z, Y, X) that lie where ``grid`` says."""
    affine, (between_slices, between_rows, between_columns) = grid.affine, grid.spacing_mm
    slices = []
    for z, ds in enumerate(planes(grid.shape[0])):
        ds.ImagePositionPatient = ds_text(affine[:3, 3] + z * affine[:3, 0])
        row, column = affine[:3, 2] / between_columns, affine[:3, 1] / between_rows
        ds.ImageOrientationPatient = ds_text([*row, *column])
        ds.PixelSpacing = ds_text([between_rows, between_columns])
        ds.SpacingBetweenSlices = ds.SliceThickness = format_number_as_ds(between_slices)
        ds.Rows, ds.Columns = grid.shape[1:]
        ds.PixelData = pixels[z].astype("<u2").tobytes()
        slices.append(ds)
    return slices


def _item(**values) -> Items:
    item = Dataset()
    for word, value in values.items():
        setattr(item, word, value)
    return Items([item])


def enhanced(slices: Sequence[Dataset]) -> Dataset:
    """One Enhanced MR object that says the same as classic ``slices`` (PS3.3 A.36.2)."""
    whole, first = copy.deepcopy(slices[0]), slices[0]
    whole.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    shared, frames = Dataset(), []
    shared.PixelMeasuresSequence = _item(
        PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness
    )
    shared.PlaneOrientationSequence = _item(ImageOrientationPatient=first.ImageOrientationPatient)
    shared.MRTimingAndRelatedParametersSequence = _item(
        RepetitionTime=float(first.RepetitionTime),
        FlipAngle=float(first.FlipAngle),
        RFEchoTrainLength=int(first.EchoTrainLength),
    )
    shared.MRModifierSequence = _item(InversionTimes=float(first.InversionTime))
    for ds in slices:
        frame = Dataset()
        frame.PlanePositionSequence = _item(ImagePositionPatient=ds.ImagePositionPatient)
        frame.MREchoSequence = _item(EffectiveEchoTime=float(ds.EchoTime))
        frame.MRImageFrameTypeSequence = _item(FrameType=list(ds.ImageType))
        frame.FrameContentSequence = _item(FrameAcquisitionNumber=int(ds.AcquisitionNumber))
        frames.append(frame)
    for word in SAID_PER_FRAME:
        delattr(whole, word)
    whole.ImageType = list(first.ImageType)
    whole.NumberOfFrames = len(slices)
    whole.SharedFunctionalGroupsSequence = Items([shared])
    whole.PerFrameFunctionalGroupsSequence = Items(frames)
    whole.add_new("PixelData", "OW", b"".join(ds.PixelData for ds in slices))
    return whole
