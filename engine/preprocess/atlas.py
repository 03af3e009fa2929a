"""The atlas: an average brain with the shares of its tissues, in a place that all brains share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import SpecError
from engine.volume import Grid, Volume

__all__ = ["Atlas"]

_MAPS = ("t1", "grey", "white", "fluid")


@dataclass(frozen=True, eq=False, slots=True)
class Atlas:
    """An average T1-weighted brain and its tissues, on one grid of the atlas's space.

    Parameters
    ----------
    t1 : Volume
        The brain without skull and scalp; 0 around it.
    grey, white, fluid : Volume
        Share of each tissue, 0 to 1; their sum is the brain.

    Raises
    ------
    SpecError
        When they are not on one grid, or there is no brain.
    """

    t1: Volume
    grey: Volume
    white: Volume
    fluid: Volume

    def __post_init__(self) -> None:
        for one in (self.grey, self.white, self.fluid):
            if not one.grid.same_as(self.t1.grid):
                raise SpecError("the maps of an atlas lie on one grid; make the atlas again")
        if not (self.brain > 0.5).any():
            raise SpecError("the atlas holds no brain: no voxel is mostly tissue or fluid")

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the atlas in ``arrays``.

        Parameters
        ----------
        arrays : mapping
            ``t1``, ``grey``, ``white``, ``fluid``: (Z, Y, X) uint8, shares in 1/255; ``affine``:
            (4, 4) float64, array indices to LPS millimetres.

        Raises
        ------
        SpecError
            When an array is missing or not of its kind.
        """
        if missing := sorted({*_MAPS, "affine"} - set(arrays)):
            raise SpecError(f"the atlas lacks {', '.join(missing)}; make the atlas again")
        for name in _MAPS:
            one = arrays[name]
            if one.ndim != 3 or one.dtype != np.uint8:
                text = f"{one.ndim} axes of {one.dtype}, (Z, Y, X) of uint8 are wanted"
                raise SpecError(f"the atlas's {name} has {text}")
        z, y, x = arrays["t1"].shape
        grid = Grid((z, y, x), np.asarray(arrays["affine"], dtype=np.float64))
        maps = (np.asarray(arrays[name] / np.float32(255), np.float32) for name in _MAPS)
        return cls(*(Volume(voxels, grid) for voxels in maps))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what :meth:`of` takes."""
        maps = ((name, getattr(self, name).voxels) for name in _MAPS)
        stored = {name: np.round(voxels * 255).astype(np.uint8) for name, voxels in maps}
        return {**stored, "affine": np.array(self.t1.affine)}

    @property
    def brain(self) -> NDArray[np.float32]:
        """Share of each voxel that is brain, its fluid included: (Z, Y, X)."""
        return np.asarray(self.grey.voxels + self.white.voxels + self.fluid.voxels, np.float32)

    @property
    def centre_mm(self) -> NDArray[np.float64]:
        """Middle of the box around the brain, in (L, P, S) of the atlas's space."""
        at = np.argwhere(self.brain > 0.5)
        middle = (at.min(axis=0) + at.max(axis=0)) / 2
        return np.asarray(self.t1.grid.centres(middle[None])[0], np.float64)

    def grid(self, spacing_mm: float, shape: tuple[int, int, int]) -> Grid:
        """Return a grid around the brain: slices towards the head, rows back, columns left."""
        affine = np.eye(4)
        affine[:3, :3] = np.eye(3)[::-1] * spacing_mm
        affine[:3, 3] = self.centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
        return Grid(shape, affine)
