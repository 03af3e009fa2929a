"""Files of a series."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from engine.volume import Volume
from train.phantom.series.classic import CT_INTERCEPT, classic
from train.phantom.series.common import Patient, common
from train.phantom.series.enhanced import enhanced
from train.phantom.series.pet import pet
from train.phantom.vendors import Style

__all__ = ["write_series"]

_FULL_SCALE = 4000.0
"""What the brightest voxel of an MR volume is stored as; 12 bits end at 4095."""
_PET_FULL_SCALE = 32767.0


def write_series(
    volume: Volume,
    style: Style,
    who: Patient,
    out: Path,
    *,
    number: int = 1,
    shuffled: bool = False,
) -> list[Path]:
    """Write ``volume`` as one series and return its files in the order of the volume's slices.

    Parameters
    ----------
    volume : Volume
        (Z, Y, X); Hounsfield units for a CT style, uptake over the reference (SUVR) for a PET
        style, arbitrary intensities else.
    style : Style
        How the header looks.
    who : Patient
        Patient and study.
    out : Path
        Folder; made when it is not there.
    number : int
        Series Number; series of one study differ in it.
    shuffled : bool
        File names and instance numbers in an order that has nothing to do with the slices, as files
        come from a network.
    """
    out.mkdir(parents=True, exist_ok=True)
    stored, scale = _stored(volume, style)
    shared = common(volume, style, who, number)
    if style.enhanced:
        ds = enhanced(volume, style, shared, scale)
        ds.SOPInstanceUID = who.uid(style.name, number, "instance")
        ds.PixelData = stored.tobytes()
        return [_save(ds, out / f"{style.name}-{number}.dcm")]
    slices = volume.shape[0]
    order = np.random.default_rng(number).permutation(slices) if shuffled else np.arange(slices)
    paths = []
    for index, place in enumerate(order):
        ds = _slice(volume, style, shared, (index, scale))
        ds.InstanceNumber = int(place) + 1
        ds.SOPInstanceUID = who.uid(style.name, number, "instance", index)
        ds.PixelData = stored[index].tobytes()
        paths.append(_save(ds, out / f"{style.name}-{number}-{place + 1:04d}.dcm"))
    return paths


def _slice(volume: Volume, style: Style, shared: Dataset, at: tuple[int, float]) -> Dataset:
    index, scale = at
    if style.modality == "PT":
        return pet(volume, shared, index, scale)
    return classic(volume, style, shared, index)


def _stored(volume: Volume, style: Style) -> tuple[NDArray[np.uint16], float]:
    """Return integers of 12 bits, of PET 15, and the value of one step."""
    voxels = np.asarray(volume.voxels, dtype=np.float64)
    if style.modality == "CT":
        return np.clip(np.round(voxels) - CT_INTERCEPT, 0, 4095).astype("<u2"), 1.0
    full = _PET_FULL_SCALE if style.modality == "PT" else _FULL_SCALE
    top = float(voxels.max())
    scale = top / full if top > 0 else 1.0
    most = _PET_FULL_SCALE if style.modality == "PT" else 4095
    return np.clip(np.round(voxels / scale), 0, most).astype("<u2"), scale


def _save(ds: Dataset, path: Path) -> Path:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta = meta
    ds.save_as(path, enforce_file_format=True)
    return path
