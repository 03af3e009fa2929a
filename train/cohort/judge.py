"""Whether two volumes are one body in one place: where each lies on the other, and what tells.

Registration is asked from both sides. Where it finds the place, it finds its way back; where it
does not, it ends somewhere, and somewhere else from the other side. So a mirrored or a foreign
partner is told without a landmark.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.errors import InputRefused
from engine.preprocess.align import Pose, Register
from engine.preprocess.mask import foreground
from engine.preprocess.register import rigid
from engine.quality.mirror import Mirror
from engine.volume import Volume

__all__ = ["Against", "Fault", "Found", "body_of", "judge", "onto", "seen_box", "seen_of"]

MOVED_MM = 2.0
"""One frame of reference says that nothing moved; the errors of a scanner and a search are less."""
STEADY_MM, STEADY_SHARE = 1.0, 0.25
"""There and back again: so far off at most, or that share of the widest step between voxels."""
OUTLINES = 0.75
"""Dice of the two bodies, what each plane encloses among them; a table is not in MR."""
_HALF = 0.5
SEEN = 0.5
"""Share of the source's body that the target has to have in its field of view."""
SEEN_IN_PLANE, SEEN_IN_PART = 0.95, 0.98
"""Of the body, in each plane of the part that is kept and in all of it: the rest would be air."""


class Fault(StrEnum):
    """Why a pair is left out."""

    UNLIKE = "UNLIKE"
    MOVED = "MOVED"
    UNSTEADY = "UNSTEADY"
    MIRRORED = "MIRRORED"
    OUTLINES = "OUTLINES"
    APART = "APART"
    UNREADABLE = "UNREADABLE"
    TWICE = "TWICE"


@dataclass(frozen=True, slots=True)
class Against:
    """What speaks against a pair, in one sentence."""

    fault: Fault
    text: str


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Where one volume lies on another, what was measured, and what speaks against it.

    Parameters
    ----------
    pose : Pose or None
        Of the second on the first; None where both lie in one place already, or nowhere.
    figures : mapping
        ``information`` in nats, ``mirrored`` that of the mirror image, ``moved_mm`` (of one frame
        of reference alone), ``there_and_back_mm``, ``dice`` and ``seen``.
    """

    pose: Pose | None
    figures: Mapping[str, float]
    against: tuple[Against, ...]


def judge(first: Volume, second: Volume) -> Found:
    """Bring ``second`` onto ``first``, and say whether they are one body in one place.

    Of one frame of reference it has to lie there already, and stays where its scanner put it.
    """
    try:
        there, information = rigid(first, second)
        back, _ = rigid(second, first)
    except InputRefused as exc:
        return Found(None, {}, (Against(Fault.UNLIKE, str(exc)),))
    places = _body_places(first)
    ends = places @ there.T
    one_frame = bool(first.frame_of_reference_uid) and (
        first.frame_of_reference_uid == second.frame_of_reference_uid
    )
    figures = {
        "information": information,
        "mirrored": _mirrored(first, second),
        "there_and_back_mm": _away(ends @ back.T, places),
    }
    if one_frame:
        figures["moved_mm"] = _away(ends, places)
    pose = Pose(there, information)
    figures |= _overlap(first, second, None if one_frame else pose)
    limit_mm = max(STEADY_MM, STEADY_SHARE * max(*first.grid.spacing_mm, *second.grid.spacing_mm))
    return Found(None if one_frame else pose, figures, tuple(_against(figures, limit_mm)))


def _against(figures: Mapping[str, float], steady_mm: float) -> list[Against]:
    """Return what speaks against a pair, by its figures; each with its limit."""
    found = []
    if (loop := figures["there_and_back_mm"]) > steady_mm:
        text = f"there and back again ends {loop:.1f} mm away; at most {steady_mm:.1f} is wanted"
        found.append(Against(Fault.UNSTEADY, text))
    if (moved := figures.get("moved_mm", 0.0)) > MOVED_MM:
        text = f"of one frame of reference, and {moved:.1f} mm apart"
        found.append(Against(Fault.MOVED, f"{text}; at most {MOVED_MM:.1f} is wanted"))
    if figures["mirrored"] >= figures["information"]:
        text = f"its mirror image fits as well: {figures['mirrored']:.2f} nats"
        found.append(Against(Fault.MIRRORED, f"{text}, {figures['information']:.2f} as it is"))
    if (dice := figures["dice"]) < OUTLINES:
        text = f"outlines agree by {dice:.2f} (Dice)"
        found.append(Against(Fault.OUTLINES, f"{text}; {OUTLINES} is wanted"))
    if (seen := figures["seen"]) < SEEN:
        text = f"{seen:.0%} of one lies in the other's field of view"
        found.append(Against(Fault.APART, f"{text}; {SEEN:.0%} is wanted"))
    elif (part := figures["seen_in_part"]) < SEEN_IN_PART:
        text = f"{part:.0%} of one is seen by the other where both lie"
        found.append(Against(Fault.APART, f"{text}; {SEEN_IN_PART:.0%} is wanted"))
    return found


def _mirrored(first: Volume, second: Volume) -> float:
    """Return how much the mirror image tells; 0 where it fits nowhere."""
    try:
        return rigid(first, Mirror.through(second).of(second))[1]
    except InputRefused:
        return 0.0


def _body_places(volume: Volume) -> NDArray[np.float64]:
    """Return (N, 4) places in mm all over the body, one of many voxels."""
    at = np.argwhere(foreground(np.asarray(volume.voxels), volume.unit))
    at = at[:: max(1, len(at) // 20_000)]
    places = volume.grid.centres(at.astype(np.float64))
    return np.column_stack([places, np.ones(len(places))])


def _away(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return how far places lie apart: the root of the mean square, in mm."""
    return float(np.sqrt(((one - other)[:, :3] ** 2).sum(axis=1).mean()))


def _overlap(first: Volume, second: Volume, pose: Pose | None) -> dict[str, float]:
    """Return how much of the two bodies is one, as far as both are seen."""
    inside, body = seen_of(first, second, pose), body_of(first)
    other = body_of(onto(first, second, pose)) & inside
    both, either = (body & other).sum(), (body & inside).sum() + other.sum()
    box = seen_box(body, inside)
    in_box = int(body[box].sum())
    return {
        "dice": float(2 * both / either) if either else 0.0,
        "seen": float((body & inside).sum() / body.sum()) if body.any() else 0.0,
        "seen_in_part": float((body & inside)[box].sum() / in_box) if in_box else 0.0,
    }


def body_of(volume: Volume) -> NDArray[np.bool_]:
    """Return a body with the cavities that each plane encloses."""
    body = np.asarray(foreground(np.asarray(volume.voxels), volume.unit))
    return np.stack([ndimage.binary_fill_holes(plane) for plane in body])


def seen_box(body: NDArray[np.bool_], seen: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Return the part of a grid whose planes see nearly all of the body that lies in them.

    Along each axis the longest run of such planes, one after the other.
    """
    box = [slice(0, size) for size in body.shape]
    for axis in range(3):
        part = (box[0], box[1], box[2])
        others = tuple(other for other in range(3) if other != axis)
        there, shown = (one[part].sum(axis=others) for one in (body, body & seen))
        good = shown >= SEEN_IN_PLANE * there
        ends = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
        runs = [(int(first), int(last)) for first, last in zip(ends[::2], ends[1::2], strict=True)]
        first, last = max(runs, key=lambda run: run[1] - run[0], default=(0, body.shape[axis]))
        box[axis] = slice(first, last)
    return box[0], box[1], box[2]


def onto(first: Volume, second: Volume, pose: Pose | None) -> Volume:
    """Return ``second`` on the grid of ``first``; what it does not reach is air."""
    return Register(first.grid, pose or Pose(np.eye(4), 0.0)).apply(second)


def seen_of(first: Volume, second: Volume, pose: Pose | None) -> NDArray[np.bool_]:
    """Return where on the grid of ``first`` the field of view of ``second`` lies."""
    everywhere = second.with_voxels(np.ones(second.shape, np.float32), unit="1")
    return np.asarray(onto(first, everywhere, pose).voxels) > _HALF
