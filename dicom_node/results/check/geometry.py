"""Where a result lies: on the native grid where its source lies, else in straight axial slices."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dicom_node.results.check.wanted import Table, exactly, near
from dicom_node.results.making import Making, Plane

__all__ = ["faults_of_grid", "middle_mm", "place", "shape_of_slices", "wanted_planes"]

_NEAR_MM = 0.01
_NEAR = 1e-6
"""By how much a written number may be off: positions in mm, cosines."""
_ASIDE_MM, _ASIDE = 0.05, 0.03
"""By how much slices may wander from a straight line: in mm, and as a part of a step. A source is
taken within 0.05 mm or 2 %, and may lean by half a degree."""
_AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def wanted_planes(making: Making) -> Sequence[Plane]:
    """Return where each slice has to lie.

    On the native grid that is where the source's slices lie, all with the orientation of the
    first; on another, where the volume says, and there as rows along +L and columns along +P.
    """
    planes = making.sources[0].planes
    if making.grid == "native":
        first = planes[0].orientation
        return [Plane(one.position_mm, first, one.spacing_mm) for one in planes]
    affine = making.synthesis.volume.grid.affine
    spacing = float(affine[1, 1]), float(affine[0, 2])
    count = making.synthesis.stored.pixels.shape[0]
    return [Plane(tuple(affine[:3, 3] + z * affine[:3, 0]), _AXIAL, spacing) for z in range(count)]


def faults_of_grid(making: Making) -> Iterator[str]:
    """Yield whether the volume lies elsewhere than the slices that it is written as."""
    grid, planes = making.synthesis.volume.grid, wanted_planes(making)
    if tuple(grid.shape) != making.synthesis.stored.pixels.shape:
        yield f"{grid.shape} voxels were made, and {making.synthesis.stored.pixels.shape} stored"
        return
    steps, (_, rows, columns) = grid.affine[:3, :3], grid.shape
    row, column = np.array(planes[0].orientation[:3]), np.array(planes[0].orientation[3:])
    normal, step_mm = np.cross(row, column), float(np.linalg.norm(steps[:, 0]))
    for z, plane in enumerate(planes):
        off = grid.affine[:3, 3] + z * steps[:, 0] - plane.position_mm
        across_mm = abs(float(off @ normal))
        aside_mm = float(np.linalg.norm(off - (off @ normal) * normal))
        if across_mm > step_mm / 2 or aside_mm > _ASIDE_MM + _ASIDE * step_mm:
            off_mm = float(np.linalg.norm(off))
            yield f"the volume's slice {z + 1} lies {off_mm:.2f} mm from the source's"
            return
    down_mm, along_mm = planes[0].spacing_mm
    far_mm = max(
        float(np.abs(row * along_mm - steps[:, 2]).max()) * columns,
        float(np.abs(column * down_mm - steps[:, 1]).max()) * rows,
    )
    if far_mm > _NEAR_MM:
        yield f"orientation or pixel spacing is not the volume's: {far_mm:.2f} mm at the far corner"


def shape_of_slices(making: Making) -> Table:
    """Return what all slices share of their place (PS3.3 C.7.6.2)."""
    plane, grid = wanted_planes(making)[0], making.synthesis.volume.grid
    step_mm = float(np.linalg.norm(grid.affine[:3, 0]))
    rows, columns = making.synthesis.stored.pixels.shape[1:]
    return {
        "Rows": exactly(rows),
        "Columns": exactly(columns),
        "ImageOrientationPatient": near(plane.orientation, _NEAR),
        "PixelSpacing": near(plane.spacing_mm, _NEAR),
        "SliceThickness": near((step_mm,), _NEAR),
        "SpacingBetweenSlices": near((step_mm,), _NEAR),
    }


def place(plane: Plane) -> Table:
    """Return what one slice says of its place."""
    normal = np.cross(plane.orientation[:3], plane.orientation[3:])
    return {
        "ImagePositionPatient": near(plane.position_mm, _NEAR),
        "SliceLocation": near((float(normal @ np.array(plane.position_mm)),), _NEAR),
    }


def middle_mm(plane: Plane, rows: int, columns: int) -> NDArray[np.float64]:
    """Return where the middle of a slice lies: (3,)."""
    down_mm, along_mm = plane.spacing_mm
    row = np.array(plane.orientation[:3]) * along_mm * (columns - 1) / 2
    column = np.array(plane.orientation[3:]) * down_mm * (rows - 1) / 2
    return np.asarray(np.array(plane.position_mm) + row + column)
