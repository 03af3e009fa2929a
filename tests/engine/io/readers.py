"""Two readers that share no code with the engine: SimpleITK (GDCM) and highdicom (pydicom)."""

from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from pydicom import dcmread

Read = tuple[NDArray, NDArray]
"""Voxels (Z, Y, X) and the affine from array indices to LPS millimetres."""


def by_simpleitk(paths: Sequence[Path]) -> Read:
    reader = sitk.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(str(paths[0].parent))
    image = sitk.ReadImage(str(paths[0])) if len(paths) == 1 else sitk.ReadImage(names)
    x_y_z = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = x_y_z[:, ::-1], image.GetOrigin()
    return sitk.GetArrayFromImage(image), affine


def by_highdicom(paths: Sequence[Path]) -> Read:
    kinds = {"apply_real_world_transform": False, "apply_voi_transform": False}
    if len(paths) == 1:
        volume = hd.imread(paths[0]).get_volume(**kinds)
    else:
        volume = hd.get_volume_from_series([dcmread(path) for path in paths], **kinds)
    return volume.array, volume.affine


READERS = {"simpleitk": by_simpleitk, "highdicom": by_highdicom}
