"""A series taken apart into volume candidates: frames that could be one stack of one contrast."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.io.frames import Frame
from engine.io.geometry import ORIENTATION_TOLERANCE
from engine.reason import Code, Reason

__all__ = ["Candidate", "split"]

_ECHO_MS = 0.5
_WHEN = ("TemporalPositionIdentifier", "TriggerTime", "AcquisitionNumber")
"""What tells repeats of one place apart; looked at only where slices share a place, because some
scanners number acquisitions slice by slice."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Frames that agree in all that makes a contrast and a geometry."""

    frames: tuple[Frame, ...]

    @property
    def header(self) -> Frame:
        """A frame that speaks for all."""
        return self.frames[0]


def split(frames: Sequence[Frame]) -> tuple[list[Candidate], list[Reason]]:
    """Take ``frames`` of one series apart.

    Returns
    -------
    candidates : list of Candidate
        Largest first; one for a plain series.
    reasons : list of Reason
        Why there are several: the series as a whole is then not one sound volume.

    References
    ----------
    PS3.3 C.7.6.2 (Image Plane), C.8.3 (MR), C.7.6.16.2.2 (Frame Content: stacks, time).
    """
    parts, reasons = [list(frames)], []
    for differ, (code, text) in _KEYS:
        if (groups := len(differ(frames))) > 1:  # of all slices: one difference may hide another
            reasons.append(Reason(code, f"{text} ({groups} groups of slices)"))
        parts = [piece for part in parts for piece in differ(part)]
    timed = [piece for part in parts for piece in _by_time(part)]
    if len(timed) > len(parts):
        reasons.append(
            Reason(Code.MULTI_PHASE, f"the same place at {len(timed)} times in one series")
        )
    candidates = sorted((Candidate(tuple(part)) for part in timed), key=lambda c: -len(c.frames))
    return candidates, reasons


def _groups(frames: Sequence[Frame], key: Callable[[Frame], Hashable]) -> list[list[Frame]]:
    found: dict[Hashable, list[Frame]] = defaultdict(list)
    for frame in frames:
        found[key(frame)].append(frame)
    return list(found.values())


def _near(frames: Sequence[Frame], word: str, tolerance: float) -> list[list[Frame]]:
    """Group by a number of the header; closer than ``tolerance`` to a group's first is equal."""
    levels: list[float] = []

    def level(frame: Frame) -> float | None:
        value = frame.header.get(word)
        value = value[0] if isinstance(value, tuple) else value
        if not isinstance(value, int | float):
            return None
        for known in levels:
            if abs(known - value) <= tolerance:
                return known
        levels.append(float(value))
        return float(value)

    return _groups(frames, level)


def _by_orientation(frames: Sequence[Frame]) -> list[list[Frame]]:
    known: list[np.ndarray] = []

    def direction(frame: Frame) -> int:
        if frame.orientation is None:
            return -1
        cosines = np.array(frame.orientation)
        for index, other in enumerate(known):
            if np.abs(other - cosines).max() <= ORIENTATION_TOLERANCE:
                return index
        known.append(cosines)
        return len(known) - 1

    return _groups(frames, direction)


def _by_matrix(frames: Sequence[Frame]) -> list[list[Frame]]:
    return _groups(frames, lambda f: (f.matrix, f.spacing_mm, f.header.get("SOPClassUID")))


def _by_reference(frames: Sequence[Frame]) -> list[list[Frame]]:
    return _groups(frames, lambda f: f.header.get("FrameOfReferenceUID"))


def _by_echo(frames: Sequence[Frame]) -> list[list[Frame]]:
    return _near(frames, "EchoTime", _ECHO_MS)


def _by_diffusion(frames: Sequence[Frame]) -> list[list[Frame]]:
    return _near(frames, "DiffusionBValue", 1.0)


def _by_kind(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group by image type, complex component, inversion and flip: Dixon, MP2RAGE, twins."""
    return _groups(
        frames,
        lambda f: (
            f.header.get("ImageType"),
            f.header.get("ComplexImageComponent"),
            f.header.get("InversionTime"),
            f.header.get("FlipAngle"),
        ),
    )


_Reason = tuple[Code, str]
_KEYS: tuple[tuple[Callable[[Sequence[Frame]], list[list[Frame]]], _Reason], ...] = (
    (_by_orientation, (Code.GEOM_ORIENTATION, "slices of several orientations in one series")),
    (_by_matrix, (Code.MATRIX_MIXED, "several matrices or pixel spacings in one series")),
    (_by_reference, (Code.GEOM_MISSING, "slices of several frames of reference in one series")),
    (_by_echo, (Code.MULTI_ECHO, "several echo times in one series")),
    (_by_diffusion, (Code.DIFFUSION, "several b-values in one series")),
    (_by_kind, (Code.MULTI_PHASE, "several kinds of image in one series: type, TI or flip angle")),
)


def _by_time(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Part repeats of one place by the first word that leaves no repeat inside a group."""
    if not _repeats(frames):
        return [list(frames)]
    for word in _WHEN:
        groups = _groups(frames, lambda f, word=word: f.header.get(word))  # type: ignore[misc]
        if len(groups) > 1 and not any(_repeats(group) for group in groups):
            return groups
    return [list(frames)]


def _repeats(frames: Sequence[Frame]) -> bool:
    places = [frame.position_mm for frame in frames]
    known = {tuple(round(axis, 2) for axis in place) for place in places if place is not None}
    return None not in places and len(known) < len(places)
