"""The one geometry: voxels (Z, Y, X) and the affine that says where they are.

``affine`` maps array indices (z, y, x, 1) to patient coordinates (L, P, S, 1) in millimetres, the
DICOM patient-based system (PS3.3 C.7.6.2.1.1). Indices point at voxel centres. Everything else in
the project that speaks of space speaks in these terms.
"""

from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import ShapeError, SpecError

__all__ = ["Array", "FrameRef", "Grid", "Volume"]

Array: TypeAlias = Any
"""Any array that the array API standard describes: NumPy, CuPy or array_api_strict."""


@dataclass(frozen=True, slots=True)
class FrameRef:
    """Where one slice came from: an instance, and its frame (from 1) when it has several."""

    sop_class_uid: str
    sop_instance_uid: str
    frame: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Grid:
    """A regular lattice of voxel centres in patient space.

    Parameters
    ----------
    shape : tuple of int
        (Z, Y, X)
    affine : (4, 4) float64
        Array indices to LPS millimetres.

    Raises
    ------
    ShapeError
        When the affine is not a finite, invertible (4, 4) matrix with (0, 0, 0, 1) as its last row,
        or the shape has an empty axis.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)  # a copy: nobody moves it afterwards
        if affine.shape != (4, 4):
            raise ShapeError(f"an affine is a finite (4, 4) matrix, got shape {affine.shape}")
        if lost := int((~np.isfinite(affine)).sum()):
            raise ShapeError(f"an affine is a finite (4, 4) matrix, got {lost} values that are not")
        if not np.allclose(affine[3], (0, 0, 0, 1), rtol=0, atol=1e-9):
            raise ShapeError(f"the last row of an affine is (0, 0, 0, 1), got {affine[3]}")
        if min(self.shape) < 1:
            raise ShapeError(f"every axis of a grid has at least one voxel, got {self.shape}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise ShapeError(
                "the affine squeezes space flat: two of its axes are parallel or empty"
            )
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (Z, Y, X)."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        """Field of view along (Z, Y, X), outer edge to outer edge."""
        z, y, x = (n * step for n, step in zip(self.shape, self.spacing_mm, strict=True))
        return z, y, x

    @property
    def plane(self) -> tuple[str, float]:
        """The plane that slices are nearest to, and by how many degrees they lean from it."""
        normal = np.cross(self.affine[:3, 2], self.affine[:3, 1])
        along = np.abs(normal) / np.linalg.norm(normal)
        across = {"axial": along[2], "sagittal": along[0], "coronal": along[1]}
        plane = max(across, key=lambda one: float(across[one]))
        return plane, float(np.degrees(np.arccos(min(1.0, float(across[plane])))))

    def centres(self, indices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patient coordinates (N, 3) in mm of array indices (N, 3)."""
        return indices @ self.affine[:3, :3].T + self.affine[:3, 3]

    def same_as(self, other: "Grid", *, tolerance_mm: float = 1e-3) -> bool:
        """Whether every voxel centre lies within ``tolerance_mm`` of the other grid's."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        away = self.centres(corners.astype(float)) - other.centres(corners.astype(float))
        return float(np.abs(away).max()) <= tolerance_mm


@dataclass(frozen=True, eq=False, slots=True)
class Volume:
    """Voxels with their place.

    Parameters
    ----------
    voxels : (Z, Y, X)
        Floating point, on NumPy, CuPy or array_api_strict.
    grid : Grid
        Its shape equals that of ``voxels``.
    unit : str
        What a voxel counts: ``HU``, ``1`` for arbitrary MR intensity, ``SUVR`` for uptake ratios.
    frame_of_reference_uid : str
        (0020,0052); empty for research data that has none.
    sources : tuple of FrameRef
        One per slice along Z, or empty where the slices are not those of instances.

    Raises
    ------
    ShapeError
        When voxels, grid and sources disagree, or voxels are not floating point.
    """

    voxels: Array
    grid: Grid
    unit: str = "1"
    frame_of_reference_uid: str = ""
    sources: tuple[FrameRef, ...] = ()

    def __post_init__(self) -> None:
        if tuple(self.voxels.shape) != tuple(self.grid.shape):
            raise ShapeError(f"voxels {tuple(self.voxels.shape)} on a grid of {self.grid.shape}")
        if self.sources and len(self.sources) != self.grid.shape[0]:
            raise ShapeError(f"{len(self.sources)} sources for {self.grid.shape[0]} slices")
        if "float" not in str(self.voxels.dtype):
            raise ShapeError(f"voxels are floating point, got {self.voxels.dtype}; convert first")
        if not self.unit:
            raise SpecError("a volume states its unit; '1' stands for arbitrary intensity")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Z, Y, X)."""
        return self.grid.shape

    @property
    def affine(self) -> NDArray[np.float64]:
        """Array indices to LPS millimetres."""
        return self.grid.affine

    def with_voxels(self, voxels: Array, *, unit: str | None = None) -> Self:
        """Other values at the same place."""
        return replace(self, voxels=voxels, unit=self.unit if unit is None else unit)
