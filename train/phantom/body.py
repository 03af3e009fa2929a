"""A body as shares of tissue, and the canvas on which one is painted, part by part.

What is painted covers what was there by its share of the voxel, with edges one voxel wide, so the
fractions of a voxel sum to 1 at every moment.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.volume import Grid
from train.phantom.fields import Axes, Floats
from train.phantom.tissues import Tissue

__all__ = ["Body", "Box", "Canvas", "Points"]

Box: TypeAlias = tuple[slice, slice, slice]
Points: TypeAlias = tuple[Floats, Floats, Floats]
"""Coordinates (S, P, L) as arrays that broadcast to (Z, Y, X)."""
_MARGIN_MM = 4.0


@dataclass(frozen=True, eq=False, slots=True)
class Body:
    """Tissue fractions in a space of their own, before the subject's own shape and pose.

    Parameters
    ----------
    axes : Axes
        Along (S, P, L) in mm.
    fractions : (tissues, Z, Y, X)
        Share of each voxel, float32; they sum to 1.
    """

    axes: Axes
    fractions: Floats

    @property
    def grid(self) -> Grid:
        """The lattice in LPS millimetres of that space."""
        z, y, x = self.axes
        step = float(z[1] - z[0])
        affine = np.array(
            [[0, 0, step, x[0]], [0, step, 0, y[0]], [step, 0, 0, z[0]], [0, 0, 0, 1]]
        )
        return Grid((len(z), len(y), len(x)), affine)

    def tissue(self) -> NDArray[np.uint8]:
        """Return the number of the tissue that fills most of each voxel (Z, Y, X)."""
        most, found = self.fractions[0].copy(), np.zeros(self.fractions.shape[1:], dtype=np.uint8)
        for tissue in list(Tissue)[1:]:
            more = self.fractions[tissue] > most
            found[more] = tissue
            np.maximum(most, self.fractions[tissue], out=most)
        return found


class Canvas:
    """Fractions being painted.

    Parameters
    ----------
    axes : Axes
        Along (S, P, L) in mm, evenly spaced, the same step along each.
    filled : Tissue
        What is everywhere before anything is painted.
    """

    def __init__(self, axes: Axes, filled: Tissue = Tissue.MUSCLE) -> None:
        self.axes = axes
        self.step_mm = float(axes[0][1] - axes[0][0])
        self.fractions = np.zeros(
            (len(Tissue), *(len(axis) for axis in axes)), dtype=np.float32
        )  # a tissue that is never painted takes no memory
        self.fractions[filled] = 1
        self._there = {filled}
        z, y, x = (axis.astype(np.float32) for axis in axes)
        self.points: Points = (z[:, None, None], y[None, :, None], x[None, None, :])

    def paint(
        self,
        tissue: Tissue,
        distance_mm: Floats,
        *,
        box: Box | None = None,
        free: Floats | None = None,
    ) -> None:
        """Cover what is there with ``tissue`` where the distance is below 0.

        Parameters
        ----------
        distance_mm : (z, y, x)
            Signed, negative inside; of the voxels in ``box``.
        box : Box, optional
            What part of the canvas is painted on; all of it.
        free : (z, y, x), optional
            Share of each voxel in ``box`` that may be painted.
        """
        cover = np.clip(0.5 - distance_mm / self.step_mm, 0, 1)
        self.cover(tissue, cover if free is None else cover * free, box=box)

    def cover(self, tissue: Tissue, share: Floats, *, box: Box | None = None) -> None:
        """Cover ``share`` (z, y, x) of each voxel in ``box`` with ``tissue``."""
        where = box or (slice(None), slice(None), slice(None))
        kept = (1 - share).astype(np.float32)
        for there in self._there:
            self.fractions[there][where] *= kept
        self.fractions[tissue][where] += share
        self._there.add(tissue)

    def turn(self, old: Tissue, new: Tissue, share: Floats, *, box: Box | None = None) -> None:
        """Make ``share`` (z, y, x) of what is ``old`` into ``new``; the other tissues stay."""
        where = box or (slice(None), slice(None), slice(None))
        moved = self.fractions[old][where] * share
        self.fractions[old][where] -= moved
        self.fractions[new][where] += moved
        self._there |= {old, new}

    def box(self, low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
        """Return the voxels between two corners (S, P, L) in mm, and a margin around them."""
        cuts = []
        for axis, first, last in zip(self.axes, low, high, strict=True):
            start = int(np.searchsorted(axis, first - _MARGIN_MM))
            cuts.append(slice(start, int(np.searchsorted(axis, last + _MARGIN_MM))))
        return cuts[0], cuts[1], cuts[2]

    def within(self, box: Box) -> Points:
        """Return the coordinates of the voxels in ``box``."""
        z, y, x = self.points
        return z[box[0]], y[:, box[1]], x[:, :, box[2]]

    def body(self) -> Body:
        """Return what has been painted."""
        return Body(self.axes, self.fractions)
