"""SimpleITK's linear resampling, an independent measure for ours."""

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from engine.volume import Grid, Volume


def image_of(voxels: NDArray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels))
    x_y_z = grid.affine[:3, :3][:, ::-1]
    spacing = grid.spacing_mm[::-1]
    image.SetSpacing([float(step) for step in spacing])
    cosines = x_y_z / np.array(spacing)
    cosines[np.abs(cosines) < 1e-15] = 0  # ITK's SVD fails on denormal numbers
    image.SetDirection([float(cosine) for cosine in cosines.ravel()])
    image.SetOrigin([float(value) for value in grid.affine[:3, 3]])
    return image


def linear(volume: Volume, grid: Grid, *, outside: float) -> NDArray:
    """Values of ``volume`` (NumPy) at the voxel centres of ``grid``; half a voxel beyond counts."""
    target = image_of(np.zeros(grid.shape, np.float32), grid)
    source = image_of(volume.voxels.astype(np.float64), volume.grid)
    made = sitk.Resample(source, target, sitk.Transform(), sitk.sitkLinear, outside)
    return sitk.GetArrayFromImage(made)


def well_inside(grid: Grid, of: Grid, *, by: float) -> NDArray:
    """Where voxel centres of ``grid`` lie in ``of``, ``by`` voxels within its outer edges."""
    indices = np.indices(grid.shape).reshape(3, -1).T.astype(float)
    back = np.linalg.inv(of.affine)
    at = grid.centres(indices) @ back[:3, :3].T + back[:3, 3]
    far = np.array(of.shape) - 0.5 - by
    return ((at >= by - 0.5) & (at <= far)).all(axis=1).reshape(grid.shape)
