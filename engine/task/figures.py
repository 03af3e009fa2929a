"""The figures of quality by name: what each is in words, which way it is wrong, and its code.

A bundle has a limit for each of them: that makes the table part of what a bundle is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from engine.reason import Code

__all__ = ["RESULT", "SOURCE", "Figure", "Side"]

Side = Literal["low", "high", "both"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Parameters
    ----------
    what : str
        In words, with its unit; ``{unit}`` stands for that of the result.
    side : {"low", "high", "both"}
        On which side there is a limit.
    code : Code
        What a job is held or refused with.
    slack : float
        A limit is at least so far from what was seen of held-out subjects: less is chance.
    refuses : bool
        Whether a figure far beyond its limit refuses; else a person looks at it, however far.
    is_ratio : bool
        Whether it counts times something, and what is half as much is as far as what is twice as
        much: its lower limit is never below 0.
    middle : float or None
        Of a figure that tells two sides from each other: a lower limit lies there at the least,
        unless subjects were seen beyond it.
    """

    what: str
    side: Side
    code: Code
    slack: float
    refuses: bool = False
    is_ratio: bool = False
    middle: float | None = None


_LIKE, _FIELD, _QC = Code.OUT_OF_DISTRIBUTION, Code.FOV_OUTSIDE, Code.QC_FAILED


def _cut(end: str) -> Figure:
    text = f"the share of the body's widest section that lies on the {end} edge of the image"
    return Figure(text, "high", _FIELD, 0.05)


def _extent(way: str) -> Figure:
    return Figure(f"the body's extent {way} in mm", "both", _FIELD, 5.0, is_ratio=True)


def _step(way: str) -> Figure:
    text = f"the greatest step from {way}, beside that of the next but one and the steps around"
    return Figure(text, "high", _LIKE, 0.05, is_ratio=True)


def _shade(one: str, other: str) -> Figure:
    text = f"the brightness of the body's {one} half beside the {other} half"
    return Figure(text, "both", _LIKE, 0.02, is_ratio=True)


def _way(what: str) -> Figure:
    text = f"on which side it lies of what tells it from itself {what}: 1 is usual, -1 the other"
    return Figure(text, "low", _LIKE, 0.05, middle=0.0)


def _percentile(what: str) -> Figure:
    return Figure(f"{what} of the body in {{unit}}", "both", _QC, 0.0)


def _share(band: str) -> Figure:
    text = f"the share of the body in the {band} band of values"
    return Figure(text, "both", _QC, 0.02)


def _along(what: str, way: str, side: Side) -> Figure:
    text = f"{what} from {way}, beside the usual one there"
    return Figure(text, side, _QC, 0.1 if side == "high" else 0.0, is_ratio=True)


_FEET, _FRONT, _RIGHT = "feet to head", "front to back", "right to left"
_JUMP, _STEP, _ROUGH = "the greatest jump", "the smallest step", "the roughest plane"

SOURCE: Mapping[str, Figure] = {
    "filled": Figure(
        "the share of the field of view that is body", "both", _FIELD, 0.02, is_ratio=True
    ),
    "extent_s_mm": _extent("from feet to head"),
    "extent_p_mm": _extent("from front to back"),
    "extent_l_mm": _extent("from right to left"),
    "cut_feet": _cut("lower"),
    "cut_head": _cut("upper"),
    "cut_front": _cut("front"),
    "cut_back": _cut("back"),
    "cut_right": _cut("right"),
    "cut_left": _cut("left"),
    "blunt": Figure(
        "the end of the body that lies within the image, as a share of its widest section", "high",
        _FIELD, 0.05,
    ),
    "empty_slices": Figure(
        "the number of empty slices inside the body", "high", Code.GEOM_MISSING, 0.0, refuses=True
    ),
    "slice_repeat": Figure(
        "the smallest step between neighbouring slices, beside those around it", "low",
        Code.GEOM_DUPLICATE, 0.0, refuses=True, is_ratio=True,
    ),
    "slice_jump": Figure(
        "the greatest step between neighbouring slices, beside those around it", "high",
        Code.GEOM_MISSING, 0.1,
    ),
    "slice_order": Figure(
        "the distance of a slice from its neighbours, beside theirs from each other and the steps "
        "around", "high", Code.GEOM_SPACING, 0.02,
    ),
    "slice_gap": Figure(
        "the distance of two neighbouring slices, beside that of the next but one and the steps "
        "around", "high", Code.GEOM_GAP, 0.02,
    ),
    "step_s": _step(_FEET),
    "step_p": _step(_FRONT),
    "step_l": _step(_RIGHT),
    "shade_s": _shade("upper", "lower"),
    "shade_p": _shade("back", "front"),
    "shade_l": Figure(
        "the brightness of the body's left side beside its mirror image", "both", _LIKE, 0.02,
        is_ratio=True,
    ),
    "background": Figure(
        "the brightness around the body, as a share of the bright end", "high", _LIKE, 0.01
    ),
    "halo": Figure(
        "the brightness of the air around the body, beside that of the air further away", "high",
        _LIKE, 0.02, is_ratio=True,
    ),
    "noise": Figure("the noise, as a share of the bright end", "both", _LIKE, 0.0, is_ratio=True),
    "noise_slab": Figure("the noise of the noisiest slice, beside the usual", "high", _LIKE, 0.1),
    "saturated": Figure(
        "the share of the body that is cut off at the greatest value", "high", _LIKE, 0.001
    ),
    "blank": Figure("the share of the body where nothing was measured", "high", _LIKE, 0.002),
    "void_ml": Figure("what lies deep in closed holes of the body, in ml", "high", _LIKE, 1.0),
    "symmetry": Figure("the likeness of left and right", "low", _LIKE, 0.02),
    "unlike_within": Figure("the distance from what the model learned from", "high", _LIKE, 0.1),
    "unlike_outside": Figure(
        "the distance from anything like what the model learned from", "high", _LIKE, 0.1
    ),
    "unlike_grain": Figure(
        "the distance of its grain from that of what the model learned from", "high", _LIKE, 0.1
    ),
    "grain_spread": Figure(
        "how unevenly its roughness is spread: it is even where nothing is flat", "low", _LIKE, 0.0,
        is_ratio=True,
    ),
    "way_front": _way("back to front"),
    "way_up": _way("upside down"),
    "way_both": _way("turned by half a turn"),
    "way_bright": _way("with bright for dark"),
}  # fmt: skip
"""Of each source."""

RESULT: Mapping[str, Figure] = {
    "body_dice": Figure(
        "the overlap (Dice) of the body in source and result", "low", _QC, 0.01, refuses=True
    ),
    "body_hd95_mm": Figure(
        "the distance (HD95) between the bodies' surfaces in mm", "high", _QC, 1.0
    ),
    "shift_mm": Figure(
        "the distance between the bodies' centres in mm", "high", _QC, 0.5, refuses=True
    ),
    "p05": _percentile("the 5th percentile"),
    "p25": _percentile("the 25th percentile"),
    "p50": _percentile("the median"),
    "p75": _percentile("the 75th percentile"),
    "p95": _percentile("the 95th percentile"),
    "share_0": _share("lowest"),
    "share_1": _share("middle"),
    "share_2": _share("highest"),
    "seam_s": _along(_JUMP, _FEET, "high"),
    "seam_p": _along(_JUMP, _FRONT, "high"),
    "seam_l": _along(_JUMP, _RIGHT, "high"),
    "repeat_s": _along(_STEP, _FEET, "low"),
    "repeat_p": _along(_STEP, _FRONT, "low"),
    "repeat_l": _along(_STEP, _RIGHT, "low"),
    "rough_s": _along(_ROUGH, _FEET, "high"),
    "rough_p": _along(_ROUGH, _FRONT, "high"),
    "rough_l": _along(_ROUGH, _RIGHT, "high"),
    "result_slice_repeat": Figure(
        "the smallest step between the result's own neighbouring slices, beside those around it",
        "low", _QC, 0.0, is_ratio=True,
    ),
    "result_slice_order": Figure(
        "the distance of one of its slices from the neighbours, beside theirs from each other and "
        "the steps around", "high", _QC, 0.02,
    ),
    "result_slice_gap": Figure(
        "the distance of two of its neighbouring slices, beside that of the next but one and the "
        "steps around", "high", _QC, 0.02,
    ),
    "result_slice_rough": Figure(
        "the roughest of its slices, beside the usual one", "high", _QC, 0.1, is_ratio=True
    ),
    "told": Figure("what source and result tell of each other, in nats", "low", _QC, 0.02),
    "told_turned": Figure(
        "what they would if the result were turned, beside that", "high", _QC, 0.02, refuses=True
    ),
    "told_mirrored": Figure("what they would if left were right, beside that", "high", _QC, 0.01),
    "offset_mm": Figure(
        "how far from its place the result tells most of the source, in mm", "high", _QC, 0.5
    ),
    "sided": Figure(
        "how well the differences between left and right agree in source and result", "low", _QC,
        0.02, middle=0.0,
    ),
    "unlike": Figure(
        "how far a cube of 15 mm departs from what the source's brightness says", "high", _QC, 0.5
    ),
    "disagreement": Figure(
        "the median difference to the result of the mirrored source, in {unit}", "high", _QC, 0.0
    ),
    "disagreement_most": Figure(
        "the greatest difference to the result of the mirrored source, of 15 mm cubes, in {unit}",
        "high", _QC, 0.0,
    ),
}  # fmt: skip
"""Of a result beside its first source."""
