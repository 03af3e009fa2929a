"""What a result names: instances that it was made of, all of them, and nothing else."""

from collections.abc import Container, Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicom_node.results.check.geometry import middle_mm, wanted_planes
from dicom_node.results.check.wanted import Table, Wanted, code, exactly, items
from dicom_node.results.making import Making, Plane, SourceSeries
from engine.volume import FrameRef

__all__ = ["SourceImages", "references"]

_MOST = 16
"""Source images that a slice names of a source that lies elsewhere."""
_EQUAL_MM = 1e-6
"""Slices whose distances differ by less are equally near."""


def references(making: Making) -> Table:
    """Return the sources by series and instance, as they are wanted (PS3.3 C.12.2, C.7.3.1)."""
    study = str(making.sources[0].header.get("StudyInstanceUID"))
    groups, related = [], []
    for source in making.sources:
        series = exactly(str(source.header.get("SeriesInstanceUID")))
        pairs = dict.fromkeys((ref.sop_class_uid, ref.sop_instance_uid) for ref in source.frames)
        instances = items(*(_instance(*pair) for pair in pairs))
        groups.append({"SeriesInstanceUID": series, "ReferencedInstanceSequence": instances})
        related.append(
            {
                "StudyInstanceUID": exactly(study),
                "SeriesInstanceUID": series,
                "PurposeOfReferenceCodeSequence": code(
                    "121323", "DCM", "Source series for image processing operation"
                ),
            }
        )
    return {"ReferencedSeriesSequence": items(*groups), "RelatedSeriesSequence": items(*related)}


def _instance(sop_class_uid: str, sop_instance_uid: str) -> dict[str, Wanted]:
    return {
        "ReferencedSOPClassUID": exactly(sop_class_uid),
        "ReferencedSOPInstanceUID": exactly(sop_instance_uid),
    }


class SourceImages:
    """Which source images each slice has to name (PS3.3 C.7.6.1.1.4).

    Of a source whose slices lie where those of the result lie, the one at the same place; of
    another the nearest, and the whole of it stands in Referenced Series Sequence.

    Parameters
    ----------
    making : Making
        What the result was made of.
    """

    def __init__(self, making: Making) -> None:
        self._making = making
        self._planes = wanted_planes(making)
        native = making.grid == "native"
        self._same = [native and self._lies_here(source) for source in making.sources]

    @property
    def resampled(self) -> bool:
        """Whether a source lies elsewhere than the result."""
        return not all(self._same)

    def of_slice(self, z: int, ds: Dataset) -> Wanted:
        """Return the Source Image Sequence of slice ``z``, as it is wanted.

        Parameters
        ----------
        z : int
            Which, from 0.
        ds : Dataset
            The slice: of sources that are equally near it may name any.
        """
        named, tables = _named(ds), list[Table]()
        for source, same in zip(self._making.sources, self._same, strict=True):
            refs = [source.frames[z]] if same else self._nearest(source, self._planes[z], named)
            tables += _source_images(refs, same=same)
        return items(*tables)

    def _lies_here(self, source: SourceSeries) -> bool:
        first = self._making.sources[0].planes
        return len(source.planes) == len(first) and all(
            one.is_at(other) for one, other in zip(source.planes, first, strict=True)
        )

    def _nearest(
        self, source: SourceSeries, plane: Plane, named: Container[tuple[str, int | None]]
    ) -> list[FrameRef]:
        """Return the slices of ``source`` that are nearest to the middle of ``plane``."""
        orientation = source.planes[0].orientation
        normal = np.cross(orientation[:3], orientation[3:])
        shape = self._making.synthesis.stored.pixels.shape[1:]
        middle = middle_mm(plane, *shape)
        away = [abs(float(normal @ (np.array(one.position_mm) - middle))) for one in source.planes]
        last = sorted(away)[:_MOST][-1]
        order = sorted(
            range(len(away)),
            key=lambda index: (
                0.0 if away[index] < last - _EQUAL_MM else max(away[index], last + _EQUAL_MM),
                (source.frames[index].sop_instance_uid, source.frames[index].frame) not in named,
                index,
            ),
        )
        return [source.frames[index] for index in sorted(order[:_MOST])]


def _named(ds: Dataset) -> frozenset[tuple[str, int | None]]:
    """Return the instances and frames that a slice names as its sources."""
    found = set()
    for item in ds.get("SourceImageSequence") or ():
        numbers = item.get("ReferencedFrameNumber")
        each = numbers if isinstance(numbers, MultiValue) else (numbers,)
        found |= {(str(item.get("ReferencedSOPInstanceUID")), number) for number in each}
    return frozenset(found)


def _source_images(refs: Sequence[FrameRef], *, same: bool) -> list[Table]:
    frames: dict[tuple[str, str], list[int]] = {}
    for ref in refs:
        of_object = frames.setdefault((ref.sop_class_uid, ref.sop_instance_uid), [])
        of_object += [] if ref.frame is None else [ref.frame]
    purpose = code("121322", "DCM", "Source image for image processing operation")
    tables: list[Table] = []
    for pair, numbers in frames.items():
        table = {**_instance(*pair), "PurposeOfReferenceCodeSequence": purpose}
        table["SpatialLocationsPreserved"] = exactly("YES" if same else "NO")
        if numbers:
            table["ReferencedFrameNumber"] = exactly(*numbers)
        tables.append(table)
    return tables
