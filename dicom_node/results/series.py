"""A synthesis into the data sets of one DICOM series."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.valuerep import format_number_as_ds

from dicom_node.dicom import device_uid_of
from dicom_node.errors import OutputInvalid
from dicom_node.results.copy import copy_from, strict, zone_of
from dicom_node.results.iod import iod_of
from dicom_node.results.iod.common import write_pixels
from dicom_node.results.making import Making, Plane, SeriesMade, SourceSeries
from dicom_node.results.provenance import (
    contributing_equipment,
    derivation,
    node_equipment,
    references,
    source_images,
)
from dicom_node.results.uids import instance_uid, series_uid
from dicom_node.results.valid import valid_text
from dicom_node.results.words import mark, name_of, what_was_done
from engine.volume import FrameRef, Grid

__all__ = ["date_by", "make_series", "planes_of"]

_SLOT = {"native": 1, "rt-axial": 2}
_SLOTS_BEFORE = {
    "CT": 0,
    "PT": 10,
    "T1": 20,
    "T1CE": 30,
    "T2": 40,
    "PD": 50,
    "FLAIR": 60,
    "STIR": 70,
}
"""Which series number after the source's: source × 100, plus the slots of what is made."""
_SLOTS_BEFORE_HELD = 80
"""Marked copies of what waits for a person come after all results and what goes with them."""
_WITHOUT_SOURCE = 9000
"""Series numbers start here where the source's gives none."""
_MOST_SOURCES = 16
"""Source images named in a resampled slice; the whole input is in Referenced Series Sequence."""


def make_series(making: Making) -> SeriesMade:
    """Return the data sets of a result, one per slice.

    Raises
    ------
    OutputInvalid
        When a value cannot be written as DICOM, or nothing is known of what the task makes.
    """
    iod = iod_of(making.task.makes)
    copied = copy_from(making.sources[0].header, acquired=iod.acquired)
    try:
        with strict():
            planes, same_grid = _planes(making), _on_grid(making)
            template = _template(copied, making, resampled=not all(same_grid))
            made = [_slice(making, template, plane, z) for z, plane in enumerate(planes)]
            for z, (ds, plane) in enumerate(zip(made, planes, strict=True)):
                ds.SourceImageSequence = _source_images(making, plane, z, same_grid)
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the result is no valid DICOM: {exc}") from exc
    return SeriesMade(template.SeriesInstanceUID, tuple(made))


def _template(ds: Dataset, making: Making, *, resampled: bool) -> Dataset:
    """Complete what was copied with everything that all slices share."""
    first, model = making.sources[0], making.synthesis.provenance.model
    if not ds.get("BodyPartExamined"):
        ds.BodyPartExamined = making.task.bundle.contract.body_part
    mark(ds, making)
    date_by(ds, making)
    ds.SeriesInstanceUID = series_uid(making.job_key, making.kind)
    ds.SeriesNumber = _series_number(first.header, making)
    ds.InstanceCreatorUID = making.site.node_uid
    node_equipment(ds, model, making.site.institution, serial=making.site.node_uid[-16:])
    ds.DeviceUID = device_uid_of(making.site.node_uid, model.digest)
    iod = iod_of(making.task.makes)
    ds.SOPClassUID, ds.Modality = iod.sop_class_uid, iod.modality
    ds.ImageType = iod.image_type(making.task.makes)
    iod.describe(ds, making)
    derivation(ds, what_was_done(making), resampled=resampled or making.grid != "native")
    references(ds, [(str(s.header.SeriesInstanceUID), s.frames) for s in making.sources])
    what = f"Made {name_of(making)} by machine learning; not acquired"
    at = making.created_at.astimezone(zone_of(ds))
    contributing_equipment(ds, first.header, at, what)
    return ds


def date_by(ds: Dataset, making: Making) -> None:
    """Date series and content by the job, so that a second run writes the same."""
    at = making.created_at.astimezone(zone_of(ds))
    date, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    for keyword in ("InstanceCreation", "Series", "Content"):
        setattr(ds, f"{keyword}Date", date)
        setattr(ds, f"{keyword}Time", time)


def _on_grid(making: Making) -> list[bool]:
    """Whether the slices of each source lie where those of the first source lie."""
    first = making.sources[0].planes
    return [
        len(source.planes) == len(first)
        and all(one.is_at(other) for one, other in zip(source.planes, first, strict=True))
        for source in making.sources
    ]


def _series_number(source: Dataset, making: Making) -> int:
    source_number = int(valid_text(source, "SeriesNumber") or 0)
    before, grid = _SLOTS_BEFORE[making.task.makes], _SLOT[making.grid]
    slot = _SLOTS_BEFORE_HELD + before // 5 + grid if making.held else before + grid
    number = source_number * 100 + slot
    return number if source_number > 0 and number < 2**31 else _WITHOUT_SOURCE + slot


def _planes(making: Making) -> Sequence[Plane]:
    """Where the slices lie: on the native grid exactly where the source says."""
    volume = making.synthesis.volume
    if making.grid != "native":
        return planes_of(volume.grid)
    planes = making.sources[0].planes
    if len(planes) != volume.shape[0]:
        raise OutputInvalid(f"{volume.shape[0]} slices were made from {len(planes)} source slices")
    return planes


def planes_of(grid: Grid) -> list[Plane]:
    """Return the plane of each slice of a grid."""
    down, along = grid.affine[:3, 1], grid.affine[:3, 2]
    rows_mm, columns_mm = float(np.linalg.norm(down)), float(np.linalg.norm(along))
    cosines = (*(along / columns_mm), *(down / rows_mm))
    orientation = tuple(float(value) + 0.0 for value in cosines)  # + 0.0: no negative zero
    return [
        Plane(tuple(float(v) for v in grid.affine[:3, 3] + z * grid.affine[:3, 0]), orientation,
              (rows_mm, columns_mm))
        for z in range(grid.shape[0])
    ]  # fmt: skip


def _slice(making: Making, template: Dataset, plane: Plane, z: int) -> Dataset:
    ds = Dataset()
    ds.update(template)
    ds.SOPInstanceUID = instance_uid(making.job_key, making.kind, z + 1)
    ds.InstanceNumber = z + 1
    iod = iod_of(making.task.makes)
    iod.number_slice(ds, z + 1)
    first = making.sources[0].planes[0] if making.grid == "native" else plane
    _place(ds, plane, first.orientation)
    write_pixels(ds, making, z, iod.dtype)
    return ds


def _source_images(making: Making, plane: Plane, z: int, same_grid: Sequence[bool]) -> Items:
    """Return the source slices that a slice is said to come from, of each source."""
    items = Items([])
    for source, is_there in zip(making.sources, same_grid, strict=True):
        here = making.grid == "native" and is_there
        refs = [source.frames[z]] if here else _nearest(making, source, plane)
        items.extend(source_images(refs, same_grid=here))
    return items


def _nearest(making: Making, source: SourceSeries, plane: Plane) -> list[FrameRef]:
    """Return the slices of ``source`` that lie nearest to the middle of ``plane``."""
    normal = _normal(source.planes[0].orientation)
    here = np.dot(normal, _centre(making, plane))
    away = [abs(float(np.dot(normal, other.position_mm)) - here) for other in source.planes]
    order = np.argsort(away, kind="stable")[:_MOST_SOURCES]
    return [source.frames[int(index)] for index in sorted(order)]


def _centre(making: Making, plane: Plane) -> np.ndarray:
    """Patient coordinates of the middle of a slice of the result."""
    _, rows, columns = making.synthesis.volume.shape
    row, column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
    along = row * plane.spacing_mm[1] * (columns - 1) / 2
    down = column * plane.spacing_mm[0] * (rows - 1) / 2
    return np.asarray(np.array(plane.position_mm) + along + down)


def _normal(orientation: tuple[float, ...]) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])


def _place(ds: Dataset, plane: Plane, orientation: tuple[float, ...]) -> None:
    """Write the Image Plane (PS3.3 C.7.6.2): decimal strings of at most 16 characters.

    Every slice bears the first one's orientation: some scanners write cosines that differ by 1e-9,
    and readers that compare strings would see several stacks.
    """
    ds.ImagePositionPatient = [_ds(value) for value in plane.position_mm]
    ds.ImageOrientationPatient = [_ds(value) for value in orientation]
    ds.PixelSpacing = [_ds(value) for value in plane.spacing_mm]
    ds.SliceLocation = _ds(float(np.dot(_normal(orientation), plane.position_mm)))


def _ds(value: float) -> str:
    """Return at most 16 characters; digits beyond a nanometre only make exponents."""
    rounded = round(value, 10)
    return str(int(rounded)) if rounded == int(rounded) else format_number_as_ds(rounded)
