"""Onto another grid in one's own place: several contrasts onto the first, a head onto the atlas."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.preprocess.atlas import Atlas
from engine.preprocess.mask import air_of
from engine.preprocess.resample import resample_onto, thinned
from engine.volume import Grid, Volume

__all__ = ["Pose", "Register", "Template"]


@dataclass(frozen=True, eq=False, slots=True)
class Pose:
    """Where a volume lies on another, or in the atlas's space.

    Parameters
    ----------
    matrix : (4, 4)
        Places of the fixed space to places of the volume's own, (L, P, S, 1) in mm.
    information : float
        Mutual information of the two, in nats: how much one tells of the other.
    """

    matrix: NDArray[np.float64]
    information: float

    def grid(self, grid: Grid) -> Grid:
        """Return a grid of the volume's own space where it lies in the fixed one."""
        return Grid(grid.shape, np.linalg.inv(self.matrix) @ grid.affine)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        return {"matrix": self.matrix.tolist(), "information": self.information}


@dataclass(frozen=True, eq=False, slots=True)
class Register:
    """Move a volume rigidly onto the first one's grid; the first stays as it is.

    Parameters
    ----------
    grid : Grid
        The first volume's.
    pose : Pose or None
        Where the volume lies on it; None for the first itself.
    """

    grid: Grid
    pose: Pose | None = None

    @classmethod
    def fit(cls, first: Volume, other: Volume) -> Self:
        """Find ``other`` on ``first``.

        Raises
        ------
        InputRefused
            When they do not show the same.
        """
        if other is first:
            return cls(first.grid)
        from engine.preprocess.register import rigid  # here: other steps do without SimpleITK

        return cls(first.grid, Pose(*rigid(first, other)))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume on the first one's grid; what it does not reach is air."""
        if self.pose is None:
            return volume
        moved = replace(volume, grid=self.pose.grid(volume.grid), sources=())
        air = air_of(volume.unit)
        thin = thinned(moved, self.grid)
        return resample_onto(thin, self.grid, seen=moved.grid, outside=air)[0]

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return ``volume``: a result lies where the first volume does."""
        return volume

    def follow(self, volume: Volume, *, outside: float) -> Volume:  # noqa: ARG002
        """Return ``volume``: a target lies where the first volume does."""
        return volume

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        return {"step": "register", "how": "rigid", **(self.pose.record() if self.pose else {})}


@dataclass(frozen=True, eq=False, slots=True)
class Template:
    """Bring a head onto a grid around the atlas's brain.

    Parameters
    ----------
    spacing_mm : float
        Of the grid, along every axis.
    shape : (Z, Y, X)
        Voxels of the grid.
    grid : Grid or None
        In the atlas's space; None before the step is fitted.
    pose : Pose or None
        Where the head lies in that space; None before.
    """

    spacing_mm: float
    shape: tuple[int, int, int]
    grid: Grid | None = None
    pose: Pose | None = None

    def __post_init__(self) -> None:
        if not 0 < self.spacing_mm < np.inf or min(self.shape) < 1:
            raise SpecError(
                f"template: a spacing above 0 mm and sizes of 1 or more are wanted, got "
                f"{self.spacing_mm} and {list(self.shape)}"
            )

    def fit(self, volume: Volume, atlas: Atlas) -> Self:
        """Find the atlas's brain in ``volume``.

        Raises
        ------
        InputRefused
            When there is none.
        """
        from engine.preprocess.register import affine  # here: other steps do without SimpleITK

        grid = atlas.grid(self.spacing_mm, self.shape)
        return replace(self, grid=grid, pose=Pose(*affine(atlas, volume)))

    def apply(self, volume: Volume) -> Volume:
        """Return the volume on the atlas's grid; what it does not reach is air."""
        return self.follow(volume, outside=air_of(volume.unit))

    def follow(self, volume: Volume, *, outside: float) -> Volume:
        """Return a volume of the source's grid on the atlas's; around it lies ``outside``."""
        grid, pose = self._fitted()
        moved = Volume(volume.voxels, pose.grid(volume.grid), volume.unit)
        thin = thinned(moved, grid)
        return resample_onto(thin, grid, seen=moved.grid, outside=outside)[0]

    def undo(self, volume: Volume, source: Volume, *, outside: float) -> Volume:
        """Return a result to the voxel centres of ``source``."""
        grid, pose = self._fitted()
        back = pose.grid(source.grid)
        made, _ = resample_onto(volume, back, seen=grid, outside=outside)
        return source.with_voxels(made.voxels, unit=volume.unit)

    def record(self) -> dict[str, Any]:
        """Return the numbers, for provenance."""
        shape = {"spacing_mm": self.spacing_mm, "shape": list(self.shape)}
        return {"step": "template", **shape, **self._fitted()[1].record()}

    def _fitted(self) -> tuple[Grid, Pose]:
        if self.grid is None or self.pose is None:
            raise SpecError("template was not fitted to a volume before it was applied")
        return self.grid, self.pose
