"""The atlas that bundles hold: the template's brain and its tissues, as the engine reads them."""

import hashlib
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from engine.preprocess import Atlas
from engine.volume import Grid, Volume
from train.phantom.template import brain_maps

__all__ = ["write_atlas"]

_STEP_MM = 2.0
"""Voxels of the atlas: brains are brought to a grid of 3 mm, and a finer one weighs eight times."""


def write_atlas(path: Path) -> str:
    """Write the atlas as safetensors; return its SHA-256 (hex). Same maps, same bytes.

    A crash leaves no half of a file.

    Raises
    ------
    TemplateMissing
        When nilearn is not installed, or its package lacks the maps.

    References
    ----------
    Fonov et al. 2011, NeuroImage 54:313 (ICBM 152 nonlinear symmetric 2009a).
    """
    maps, axes = brain_maps(_STEP_MM)
    up, back, left = (float(axis[0]) for axis in axes)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[::-1] * _STEP_MM
    affine[:3, 3] = (left, back, up)
    z, y, x = (len(axis) for axis in axes)
    grid = Grid((z, y, x), affine)
    fluid = np.clip(maps["brain"] - maps["grey"] - maps["white"], 0, 1)
    voxels = (maps["t1"], maps["grey"], maps["white"], fluid)
    atlas = Atlas(*(Volume(one.astype(np.float32), grid) for one in voxels))
    content = save(atlas.arrays())
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(content)
    beside.replace(path)
    return hashlib.sha256(content).hexdigest()
