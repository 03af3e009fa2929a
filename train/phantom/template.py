"""The average head that every phantom starts from, and the hull of its brain.

The maps are those that nilearn ships in its package: nothing is fetched. They hold the brain alone;
everything around it is built from the distance to the brain's hull (:mod:`train.phantom.recipe`).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
from scipy.ndimage import (
    binary_fill_holes,
    binary_opening,
    distance_transform_edt,
    gaussian_filter,
    label,
    map_coordinates,
)

from train.errors import TemplateMissing
from train.phantom.fields import Axes, Floats

__all__ = ["EXTENT_MM", "Template", "brain_maps", "head_axes", "read_template"]

EXTENT_MM = ((-185.0, 112.0), (-124.0, 132.0), (-104.0, 104.0))
"""What a head fills, along (S, P, L) from the template's origin, with air around it."""
_HULL_STEP_MM, _CLOSING_MM, _SMOOTHING_MM = 2.0, 12.0, 5.0
_FILES = {
    "grey": "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz",
    "white": "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz",
    "t1": "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz",
}


@dataclass(frozen=True, eq=False, slots=True)
class Template:
    """The template on the axes of a head.

    Parameters
    ----------
    axes : Axes
        Along (S, P, L) in millimetres from the template's origin, the anterior commissure.
    grey, white : (Z, Y, X)
        Share of each tissue, 0 to 1.
    brain : (Z, Y, X)
        The brain mask, 0 to 1; what it holds beside grey and white matter is fluid.
    hull_mm : (Z, Y, X)
        Distance to the smooth closed surface around the brain; negative inside.

    References
    ----------
    Fonov et al. 2011, NeuroImage 54:313 (ICBM 152 nonlinear symmetric 2009a).
    """

    axes: Axes
    grey: Floats
    white: Floats
    brain: Floats
    hull_mm: Floats


def head_axes(spacing_mm: float) -> Axes:
    """Return even positions along (S, P, L) that cover :data:`EXTENT_MM`."""
    z, y, x = (np.arange(low, high, spacing_mm) for low, high in EXTENT_MM)
    return z, y, x


def read_template(spacing_mm: float) -> Template:
    """Return the template at ``spacing_mm``.

    Raises
    ------
    TemplateMissing
        When nilearn is not installed, or its package lacks the maps.
    """
    maps = {name: _map(file) for name, file in _FILES.items()}
    mask = binary_fill_holes(maps.pop("t1") > 0)
    axes = head_axes(spacing_mm)
    coarse = head_axes(_HULL_STEP_MM)
    at = [(axis - other[0]) / _HULL_STEP_MM for axis, other in zip(axes, coarse, strict=True)]
    hull = _at(_hull(_sampled(mask.astype(np.float32), coarse)), at, beyond="nearest")
    grey, white = (_sampled(maps[name] / np.float32(255), axes) for name in ("grey", "white"))
    return Template(axes, grey, white, _sampled(mask.astype(np.float32), axes), hull)


def brain_maps(spacing_mm: float) -> tuple[dict[str, Floats], Axes]:
    """Return the brain's maps by name, and their axes along (S, P, L).

    Returns
    -------
    maps : dict
        ``t1`` (0 to 1), ``grey``, ``white`` and ``brain`` (shares), each (Z, Y, X), averaged over
        the voxels of ``spacing_mm``.
    axes : Axes
        In mm from the template's origin.

    Raises
    ------
    TemplateMissing
        When nilearn is not installed, or its package lacks the maps.
    """
    found = {name: _map(file) / np.float32(255) for name, file in _FILES.items()}
    found["brain"] = binary_fill_holes(found["t1"] > 0).astype(np.float32)
    sizes = zip(_FIRST_MM, found["t1"].shape, strict=True)
    z, y, x = (np.arange(first, first + count - 1, spacing_mm) for first, count in sizes)
    axes: Axes = (z, y, x)
    blur = spacing_mm / 3
    return {name: _sampled(gaussian_filter(one, blur), axes) for name, one in found.items()}, axes


def _map(file: str) -> Floats:
    """Read one map with its axes along (S, P, L)."""
    spec = find_spec("nilearn")  # not imported: its package data is all that is wanted
    folder = Path(spec.origin).parent / "datasets" / "data" if spec and spec.origin else None
    if folder is None or not (folder / file).is_file():
        text = f"nilearn's map {file} is not here; install the train extra: pip install '.[train]'"
        raise TemplateMissing(text)
    image = nibabel.Nifti1Image.from_filename(folder / file)
    return np.flip(np.asarray(image.dataobj, dtype=np.float32).T, axis=(1, 2))


_FIRST_MM = (-72.0, -98.0, -98.0)
"""Position of the maps' first voxel along (S, P, L); one voxel per millimetre."""


def _sampled(voxels: Floats, axes: Axes) -> Floats:
    """Values of a map at the product of ``axes``, 0 beyond its ends."""
    return _at(voxels, [axis - first for axis, first in zip(axes, _FIRST_MM, strict=True)])


def _at(voxels: Floats, indices: list[np.ndarray], *, beyond: str = "constant") -> Floats:
    """Values at the product of fractional ``indices`` along each axis."""
    points = np.stack(np.meshgrid(*indices, indexing="ij")).astype(np.float32)
    return np.asarray(map_coordinates(voxels, points, order=1, mode=beyond), dtype=np.float32)


def _hull(brain: Floats) -> Floats:
    """Distance in mm to the brain, closed over its clefts and smoothed."""
    mask = binary_opening(brain > 0.5)
    parts, _ = label(mask)
    mask = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    grown = distance_transform_edt(~mask, sampling=_HULL_STEP_MM) <= _CLOSING_MM
    closed = distance_transform_edt(grown, sampling=_HULL_STEP_MM) > _CLOSING_MM
    outside = distance_transform_edt(~closed, sampling=_HULL_STEP_MM)
    inside = distance_transform_edt(closed, sampling=_HULL_STEP_MM)
    signed = np.asarray(outside - inside, dtype=np.float32)
    return np.asarray(gaussian_filter(signed, _SMOOTHING_MM / _HULL_STEP_MM), dtype=np.float32)
