"""The least that a result must be: numbers, inside the range of its unit, and not flat."""

from engine.errors import ResultRefused
from engine.volume import Array
from engine.xp import namespace

__all__ = ["check"]

_CONTRAST = 1e-3


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
    if least < low - 1 or most > high + 1:
        seen, wanted = f"{least:.0f} to {most:.0f}", f"{low:.0f} to {high:.0f}"
        raise ResultRefused(f"the result runs from {seen}, the model's range is {wanted}")
    if most - least < _CONTRAST * (high - low):
        raise ResultRefused(f"the result is flat: every voxel is about {least:.0f}")
    return {"min": least, "max": most, "mean": float(xp.mean(voxels)), "std": float(xp.std(voxels))}
