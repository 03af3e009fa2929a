"""The least that a result must be: numbers, inside the range of its unit, and not flat."""

from engine.errors import ResultRefused
from engine.volume import Array
from engine.xp import namespace

__all__ = ["check"]

_CONTRAST = 1e-3
"""Least spread of an image, as a share of the model's range."""
_ROUNDING = 1 / 3000
"""How far rounding may carry a value beyond the range, as a share of it: of CT, 1 HU."""


def check(voxels: Array, *, low: float, high: float) -> dict[str, float]:
    """Refuse what cannot be an image; return figures of what can.

    Parameters
    ----------
    voxels : (Z, Y, X)
        In the result's unit.
    low, high : float
        The range that the model was made for.

    Raises
    ------
    ResultRefused
        On NaN or infinity, on values outside the range, on a flat image.
    """
    xp = namespace(voxels)
    if not bool(xp.all(xp.isfinite(voxels))):
        raise ResultRefused("the result holds values that are no numbers")
    least, most = float(xp.min(voxels)), float(xp.max(voxels))
    slack = _ROUNDING * (high - low)
    if least < low - slack or most > high + slack:
        seen, wanted = f"{least:.4g} to {most:.4g}", f"{low:.4g} to {high:.4g}"
        raise ResultRefused(f"the result runs from {seen}, the model's range is {wanted}")
    if most - least < _CONTRAST * (high - low):
        raise ResultRefused(f"the result is flat: every voxel is about {least:.4g}")
    return {"min": least, "max": most, "mean": float(xp.mean(voxels)), "std": float(xp.std(voxels))}
