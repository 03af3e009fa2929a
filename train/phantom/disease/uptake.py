"""What a PET scanner sees an hour after FDG was given: uptake by tissue and, of grey, by region.

Values are over the mean of pons and cerebellum (SUVR), at the scanner's resolution.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from train.phantom.body import Body, Points
from train.phantom.contrasts import mixed
from train.phantom.disease.alzheimer import hold
from train.phantom.disease.condition import Condition
from train.phantom.fields import Axes, Floats, between
from train.phantom.regions import REGIONAL, Region, region_of
from train.phantom.tissues import UPTAKE, Tissue

__all__ = ["FIGURES", "uptake"]

FWHM_MM = 6.0
"""Of the scanner, as of a reconstruction that is smoothed for the clinic."""
_DROP = 0.42
"""Share of grey matter's uptake that is lost where the disease holds fully."""
_COARSE_MM, _SOFT_VOXELS = 4.0, 1.0
FIGURES = (FWHM_MM, _DROP, _COARSE_MM, _SOFT_VOXELS)


def uptake(body: Body, condition: Condition, scale: float) -> Floats:
    """Return SUVR in the template's space.

    Parameters
    ----------
    body : Body
        A head.
    condition : Condition
        How far the disease has gone.
    scale : float
        The subject's size over the template's: the scanner blurs by its own millimetres.

    Shapes
    ------
    return : (Z, Y, X) float32
    """
    grey = body.fractions[Tissue.GREY]
    kept = 1 - _DROP * hold(body.axes, condition)
    seen = mixed(body.fractions, UPTAKE)
    seen += np.float32(UPTAKE[Tissue.GREY]) * grey * (_regional(body.axes) * kept - 1)
    step_mm = float(body.axes[0][1] - body.axes[0][0])
    sigma = FWHM_MM / scale / np.sqrt(8 * np.log(2)) / step_mm
    blurred = np.asarray(gaussian_filter(seen, sigma), dtype=np.float32)
    return blurred / np.float32(_reference(body, blurred))


def _regional(axes: Axes) -> Floats:
    """Return by what grey matter's uptake differs from place to place, without edges."""
    z, y, x = (np.arange(axis[0], axis[-1] + 2 * _COARSE_MM, _COARSE_MM) for axis in axes)
    coarse: Axes = (z, y, x)
    factor = np.array([REGIONAL[region] for region in Region], dtype=np.float32)
    field = gaussian_filter(factor[region_of(_points(coarse))], _SOFT_VOXELS)
    at = [(axis - other[0]) / _COARSE_MM for axis, other in zip(axes, coarse, strict=True)]
    return np.asarray(between(field[None], (at[0], at[1], at[2]))[0])


def _points(axes: Axes) -> Points:
    z, y, x = (axis.astype(np.float32) for axis in axes)
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _reference(body: Body, seen: Floats) -> float:
    """Return the mean over pons and cerebellum."""
    where = np.isin(region_of(_points(body.axes)), (Region.CEREBELLUM, Region.PONS))
    where &= body.fractions[Tissue.GREY] + body.fractions[Tissue.WHITE] > 0.5
    return float(seen[where].mean())
