"""Slice order, affine, and what is wrong with a stack of planes.

The limits are those of docs/reference/acceptance: positions decide, never instance numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.io.frames import Frame
from engine.reason import Code, Reason
from engine.volume import Grid

__all__ = ["ORIENTATION_TOLERANCE", "Stack", "stack"]

ORIENTATION_TOLERANCE = 1e-4
"""Largest difference between direction cosines that still are one orientation: some scanners write
cosines that differ by 1e-9 from slice to slice."""
SPACING_TOLERANCE = 0.02
SPACING_TOLERANCE_MM = 0.05
"""A step may differ from the usual one by 2 % or 0.05 mm, whichever is more."""
TILT_DEGREES = 0.5
"""Largest angle between the stacking direction and the slice normal."""
SAME_PLACE_MM = 0.01


@dataclass(frozen=True, eq=False, slots=True)
class Stack:
    """Frames in order along their normal, and the lattice they lie on.

    Parameters
    ----------
    frames : tuple of Frame
        Sorted along +normal (row cosines × column cosines).
    grid : Grid or None
        None when the stack is not a volume: then ``reasons`` says why.
    reasons : tuple of Reason
        Empty for a sound stack.
    """

    frames: tuple[Frame, ...]
    grid: Grid | None
    reasons: tuple[Reason, ...]


def stack(frames: Sequence[Frame]) -> Stack:
    """Order ``frames`` and judge them as one stack of parallel planes.

    Parameters
    ----------
    frames : sequence of Frame
        Image frames of one volume candidate.

    References
    ----------
    PS3.3 C.7.6.2.1.1 (Image Position and Orientation, and the affine).
    """
    if missing := _missing(frames):
        return Stack(tuple(frames), None, (missing,))
    normal, problem = _common_normal(frames)
    if problem:
        return Stack(tuple(frames), None, (problem,))
    positions = np.array([frame.position_mm for frame in frames])
    order = np.argsort(positions @ normal, kind="stable")
    ordered, positions = tuple(frames[i] for i in order), positions[order]
    reasons = _placeless(frames)
    if len(frames) == 1:
        reasons.append(Reason(Code.GEOM_SINGLE, "one slice: a volume has at least two positions"))
    else:
        reasons.extend(_faults(positions, normal))
    return Stack(ordered, None if reasons else _grid(ordered, positions), tuple(reasons))


def _missing(frames: Sequence[Frame]) -> Reason | None:
    for frame in frames:
        for word, value in (
            ("Image Position (Patient)", frame.position_mm),
            ("Image Orientation (Patient)", frame.orientation),
            ("Pixel Spacing", frame.spacing_mm),
        ):
            if value is None:
                text = f"{word} is absent or no numbers in at least one slice"
                return Reason(Code.GEOM_MISSING, text)
    if any(min(frame.spacing_mm or (0,)) <= 0 for frame in frames):
        return Reason(Code.GEOM_MISSING, "Pixel Spacing is not above 0 in at least one slice")
    return None


def _placeless(frames: Sequence[Frame]) -> list[Reason]:
    """Without a frame of reference nobody can say that the result lies where its source does."""
    if all(frame.header.get("FrameOfReferenceUID") for frame in frames):
        return []
    return [Reason(Code.GEOM_MISSING, "Frame of Reference UID is absent in at least one slice")]


def _common_normal(frames: Sequence[Frame]) -> tuple[NDArray[np.float64], Reason | None]:
    cosines = np.array([frame.orientation for frame in frames])
    if np.abs(cosines - cosines[0]).max() > ORIENTATION_TOLERANCE:
        return np.zeros(3), Reason(Code.GEOM_ORIENTATION, "slices point in different directions")
    row, column = cosines[0, :3], cosines[0, 3:]
    skew = max(abs(row @ column), abs(np.linalg.norm(row) - 1), abs(np.linalg.norm(column) - 1))
    if skew > 1e-2:
        text = f"direction cosines are not orthogonal unit vectors (off by {skew:.3f})"
        return np.zeros(3), Reason(Code.GEOM_ORIENTATION, text)
    kinds = {(f.matrix, f.spacing_mm, f.header.get("FrameOfReferenceUID")) for f in frames}
    if len(kinds) > 1:
        text = "matrix, pixel spacing or frame of reference differs between slices"
        return np.zeros(3), Reason(Code.MATRIX_MIXED, text)
    normal = np.cross(row, column)
    return normal / np.linalg.norm(normal), None


def _faults(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> list[Reason]:
    """Faults of positions (N, 3) in mm, sorted along ``normal``."""
    along = positions @ normal
    steps = np.diff(along)
    same = int((steps < SAME_PLACE_MM).sum())
    if same:
        text = f"{same} of {len(along)} slices lie where another one lies"
        return [Reason(Code.GEOM_DUPLICATE, text)]
    step = float(np.sort(steps)[(len(steps) - 1) // 2])  # the lower median: a real step
    allowed = max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE * step)
    reasons = []
    off = steps[np.abs(steps - step) > allowed]
    if off.size:
        reasons.append(_uneven(off, step))
    path = positions[-1] - positions[0]
    across = path - (path @ normal) * normal
    tilt = float(np.degrees(np.arctan2(np.linalg.norm(across), path @ normal)))
    if tilt > TILT_DEGREES:
        reasons.append(Reason(Code.GEOM_TILT, f"the stack leans {tilt:.1f}° from the slice normal"))
    elif _wander(positions) > allowed:
        text = f"slices wander {_wander(positions):.2f} mm from a straight line"
        reasons.append(Reason(Code.GEOM_TILT, text))
    return reasons


def _uneven(off: NDArray[np.float64], step: float) -> Reason:
    whole = np.round(off / step)
    gaps = bool(np.all((whole >= 2) & (np.abs(off - whole * step) <= 0.1 * step)))
    seen = ", ".join(f"{value:.2f}" for value in sorted({round(float(v), 2) for v in off})[:4])
    if gaps:
        lost = int((whole - 1).sum())
        text = f"{lost} slices are missing: steps of {seen} mm among steps of {step:.2f} mm"
        return Reason(Code.GEOM_GAP, text)
    return Reason(Code.GEOM_SPACING, f"uneven steps: {seen} mm among steps of {step:.2f} mm")


def _wander(positions: NDArray[np.float64]) -> float:
    """Largest distance in mm of a slice from the straight line through first and last."""
    line = positions[-1] - positions[0]
    line = line / np.linalg.norm(line)
    away = positions - positions[0]
    return float(np.linalg.norm(away - np.outer(away @ line, line), axis=1).max())


def _grid(frames: Sequence[Frame], positions: NDArray[np.float64]) -> Grid:
    """Affine of a sound stack: slice, row and column steps as its columns, origin last."""
    cosines = np.array(frames[0].orientation)
    between_rows, between_columns = frames[0].spacing_mm or (0.0, 0.0)
    affine = np.eye(4)
    affine[:3, 0] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine[:3, 1] = cosines[3:] * between_rows  # down a column: from row to row
    affine[:3, 2] = cosines[:3] * between_columns
    affine[:3, 3] = positions[0]
    rows, columns = frames[0].matrix
    return Grid((len(frames), rows, columns), affine)
