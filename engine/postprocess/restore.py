"""Back to the grid that was asked for: the source's own, or straight axial slices."""

import numpy as np

from engine.preprocess import Trace, resample_onto
from engine.volume import Array, Grid, Volume
from engine.xp import namespace

__all__ = ["RT_SPACING_MM", "restore", "rt_axial_grid"]

RT_SPACING_MM = (2.0, 1.0, 1.0)
"""(Z, Y, X) of the ``rt-axial`` grid: square pixels and even steps, for planning systems."""


def restore(made: Volume, trace: Trace, grid: str, *, outside: float) -> tuple[Volume, Array]:
    """Return ``made`` on the ``native`` or the ``rt-axial`` grid.

    Parameters
    ----------
    made : Volume
        The network's answer, in its unit, on the network's grid.
    trace : Trace
        What was done to the source.
    grid : {"native", "rt-axial"}
        What is wanted.
    outside : float
        Value, in the unit, of what the network never saw.

    Returns
    -------
    volume : Volume
    inside : (Z, Y, X) bool
        Which voxels lie in the source's field of view; on ``native`` all of them.
    """
    if grid == "native":
        xp = namespace(made.voxels)
        volume = trace.undo(made, outside=outside)
        return volume, xp.ones(volume.shape, dtype=xp.bool, device=volume.voxels.device)
    source = trace.before[0] if trace.before else made  # without a step nothing has moved
    whole = trace.undo_crop(made, outside=outside)
    return resample_onto(whole, rt_axial_grid(source.grid), seen=source.grid, outside=outside)


def rt_axial_grid(source: Grid) -> Grid:
    r"""Return the smallest grid of straight axial slices that holds ``source``'s field of view.

    Rows run along +L, columns along +P, slices from feet to head: Image Orientation (Patient) is
    exactly 1\0\0\0\1\0.
    """
    edges = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in source.shape])).reshape(3, -1).T
    corners = source.centres(edges)  # (8, 3) in L, P, S
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = np.array(RT_SPACING_MM[::-1])  # in L, P, S
    count = np.maximum(2, np.ceil((high - low) / step - 1e-6)).astype(int)
    first = (low + high) / 2 - step * (count - 1) / 2
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, step[0]], [0, step[1], 0], [step[2], 0, 0]])
    affine[:3, 3] = first
    return Grid((int(count[2]), int(count[1]), int(count[0])), affine)
