"""A synthesis into the data sets of one DICOM series."""

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.valuerep import format_number_as_ds

from dicom_node.dicom import device_uid_of
from dicom_node.errors import OutputInvalid
from dicom_node.results.copy import copy_from, strict, zone_of
from dicom_node.results.ct import describe_ct, finish_ct
from dicom_node.results.making import Making, Plane, SeriesMade
from dicom_node.results.provenance import (
    contributing_equipment,
    derivation,
    node_equipment,
    references,
    source_images,
)
from dicom_node.results.uids import instance_uid, series_uid
from dicom_node.results.valid import valid_text
from engine.volume import FrameRef, Grid

__all__ = ["make_series", "planes_of"]

_SLOT = {"native": 1, "rt-axial": 2}
"""Which series number after the source's: source × 100 + slot."""
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
    if making.task.makes != "CT":
        raise OutputInvalid(f"no series is written for {making.task.makes} yet; CT is")
    copied = copy_from(making.sources[0].header, acquired=True)
    try:
        with strict():
            template = _template(copied, making)
            planes = _planes(making)
            made = [_slice(making, template, plane, z) for z, plane in enumerate(planes)]
    except (ValueError, TypeError, OverflowError) as exc:
        raise OutputInvalid(f"a value of the result is no valid DICOM: {exc}") from exc
    return SeriesMade(template.SeriesInstanceUID, tuple(made))


def _template(ds: Dataset, making: Making) -> Dataset:
    """Complete what was copied with everything that all slices share."""
    first, model = making.sources[0], making.synthesis.provenance.model
    if not ds.get("BodyPartExamined"):
        ds.BodyPartExamined = making.task.bundle.contract.body_part
    _mark(ds, making)
    _date(ds, making)
    ds.SeriesInstanceUID = series_uid(making.job_key, making.task.makes)
    ds.SeriesNumber = _series_number(first.header, making.grid)
    ds.InstanceCreatorUID = making.site.node_uid
    node_equipment(ds, model, making.site.institution, serial=making.site.node_uid[-16:])
    ds.DeviceUID = device_uid_of(making.site.node_uid, model.digest)
    describe_ct(ds, making)
    derivation(ds, _what_was_done(making), resampled=making.grid != "native")
    references(ds, [(str(s.header.SeriesInstanceUID), s.frames) for s in making.sources])
    what = f"Made {making.task.makes} by machine learning; not acquired"
    at = making.created_at.astimezone(zone_of(ds))
    contributing_equipment(ds, first.header, at, what)
    return ds


def _mark(ds: Dataset, making: Making) -> None:
    """Say that it is synthetic in every place that somebody may look (PS3.3 C.12.1.1.1)."""
    made, contrasts = making.task.makes, "+".join(source.label for source in making.sources)
    learned = making.synthesis.provenance.model.learned_from
    phantom = ", phantom-trained" if "phantom" in learned.lower() else ""
    ds.SyntheticData = "YES"
    ds.ContentQualification = making.site.qualification
    ds.SeriesDescription = (
        f"s{made} from {contrasts}w MR (SYNTHETIC, {making.site.qualification}{phantom})"[:64]
    )
    ds.ImageComments = (
        f"SYNTHETIC {made} - NOT ACQUIRED. Derived from MR by machine learning. "
        f"Research use only. The model learned from {learned}."
    )
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    defaced = valid_text(making.sources[0].header, "RecognizableVisualFeatures") == "NO"
    if making.recognizable and not defaced:
        ds.RecognizableVisualFeatures = "YES"


def _date(ds: Dataset, making: Making) -> None:
    """Date series and content by the job, so that a second run writes the same."""
    at = making.created_at.astimezone(zone_of(ds))
    date, time = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    for keyword in ("InstanceCreation", "Series", "Content"):
        setattr(ds, f"{keyword}Date", date)
        setattr(ds, f"{keyword}Time", time)


def _what_was_done(making: Making) -> str:
    provenance = making.synthesis.provenance
    model, contrasts = provenance.model, " and ".join(source.label for source in making.sources)
    grid = "the source's grid" if making.grid == "native" else "straight axial slices (resampled)"
    return (
        f"Synthetic {making.task.makes}, made by machine learning from {contrasts} MR; no X-rays "
        f"were used. Network {provenance.system}, model {model.name} {model.version}, bundle "
        f"{model.digest}, weights sha256:{model.weights}, learned from {model.learned_from}. "
        f"Written on {grid}."
    )[:1024]


def _series_number(source: Dataset, grid: str) -> int:
    source_number = int(valid_text(source, "SeriesNumber") or 0)
    number = source_number * 100 + _SLOT[grid]
    return number if source_number > 0 and number < 2**31 else _WITHOUT_SOURCE + _SLOT[grid]


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
    ds.SOPInstanceUID = instance_uid(making.job_key, making.task.makes, z + 1)
    ds.InstanceNumber = z + 1
    ds.SourceImageSequence = source_images(
        _nearest(making, plane, z), same_grid=making.grid == "native"
    )
    first = making.sources[0].planes[0] if making.grid == "native" else plane
    _place(ds, plane, first.orientation)
    finish_ct(ds, making, z)
    return ds


def _nearest(making: Making, plane: Plane, z: int) -> list[FrameRef]:
    """Return the source slices that a slice is said to come from."""
    if making.grid == "native":
        return [source.frames[z] for source in making.sources]
    refs: list[FrameRef] = []
    for source in making.sources:
        normal = _normal(source.planes[0].orientation)
        here = np.dot(normal, _centre(making, plane))
        away = [abs(float(np.dot(normal, other.position_mm)) - here) for other in source.planes]
        order = np.argsort(away, kind="stable")[:_MOST_SOURCES]
        refs.extend(source.frames[int(index)] for index in sorted(order))
    return refs


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
