"""What can be told of a source by its pixels, before a network sees it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from engine.preprocess import foreground
from engine.quality.holes import eroded, grown, holes
from engine.quality.planes import order_and_gap, own_slices, repeats_and_jumps
from engine.quality.seen import Seen, enclosed
from engine.volume import Volume

__all__ = ["source_figures"]

_ENDS = (("feet", "head"), ("front", "back"), ("right", "left"))
"""Of the axes (S, P, L): where each begins and ends."""
_AXES = ("s", "p", "l")
_HU = 1000.0
_BRIGHT = 99.5
_RIM = 12
"""The rim is one part in so many of an axis."""
_NOT_BODY, _SLIGHT = 0.02, 0.1
"""Shares of the fullest section of a body: next to nothing, and what may be its end or speckle."""
_DARK = 0.1
"""Of the bright end: no tissue."""
_NEAR, _FAR = (1, 4), 5
"""Steps from the body: of the air that ghosts lie in, and of the air beyond it."""
_MOST_AIR = 75
"""A percentile: a part of a body that was taken for air does not count."""
_DEEP = 3
"""Steps of what is looked at: so deep in a hole lies no part of a vessel or of a small cavity."""


def source_figures(volume: Volume, seen: Seen) -> dict[str, float]:
    """Return figures of one source, by name.

    Parameters
    ----------
    volume : Volume
        As it was acquired; NumPy voxels.
    seen : Seen
        The same, small.
    """
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    scale = _HU if volume.unit == "HU" else max(float(np.percentile(voxels, _BRIGHT)), 1e-6)
    noises = _noises(voxels) / scale
    typical = max(float(np.median(noises)), 1e-6)
    return {
        **_coverage(seen),
        **_slices(volume),
        **_steps(seen),
        **_shades(seen, scale),
        **_background(seen, scale),
        "halo": _halo(seen),
        "noise": typical,
        "noise_slab": float(noises.max()) / typical,
        "saturated": _saturated(voxels, volume.unit),
        "blank": _blank(voxels, volume.unit),
        "void_ml": _void_ml(seen, scale),
        "symmetry": _symmetry(seen),
    }


def _coverage(seen: Seen) -> dict[str, float]:
    """Return how much of the field of view is body, how long that is, and where it is cut."""
    body, figures = seen.body, {"filled": float(seen.body.mean())}
    blunt = 0.0
    for axis, (name, ends) in enumerate(zip(_AXES, _ENDS, strict=True)):
        part = seen.box[axis]
        figures[f"extent_{name}_mm"] = float((part.stop - part.start) * seen.steps_mm[axis])
        areas = body.mean(axis=tuple(other for other in range(3) if other != axis))
        most = max(float(areas.max()), 1e-6)
        figures[f"cut_{ends[0]}"] = float(areas[0]) / most
        figures[f"cut_{ends[1]}"] = float(areas[-1]) / most
        blunt = max(blunt, *(_end(line) / most for line in (areas, areas[::-1])))
    return {**figures, "blunt": blunt}


def _end(areas: NDArray[np.float64]) -> float:
    """Return the first section of a body that begins within the image; 0 where it is cut."""
    shown = np.flatnonzero(areas > _SLIGHT * areas.max())
    return float(areas[shown[0]]) if shown.size and shown[0] > 0 else 0.0


def _slices(volume: Volume) -> dict[str, float]:
    """Return figures of the source's own slices: those that show nothing, repeat, or jump."""
    slices, areas = own_slices(volume)
    repeats, jumps = repeats_and_jumps(slices)
    order, gap = order_and_gap(slices)
    return {
        "empty_slices": float((areas <= _NOT_BODY).sum()),
        "slice_repeat": repeats,
        "slice_jump": jumps,
        "slice_order": order,
        "slice_gap": gap,
    }


def _steps(seen: Seen) -> dict[str, float]:
    """Return the greatest step along each of the patient's axes: where an image was wrapped."""
    found = {}
    for axis, name in enumerate(_AXES):
        part = seen.box[axis]
        found[f"step_{name}"] = order_and_gap(np.moveaxis(seen.voxels, axis, 0)[part])[1]
    return found


def _shades(seen: Seen, scale: float) -> dict[str, float]:
    """Return how bright the body is on one side beside the other, along each axis.

    Left is held against its mirror image, voxel by voxel: what lies there is the same. The other
    sides differ; of these it is the mean of each half.
    """
    body, voxels = seen.body[seen.box], seen.voxels[seen.box]
    above_air = voxels + _HU if seen.volume.unit == "HU" else voxels
    figures = {}
    for axis, name in enumerate(_AXES[:2]):
        half = body.shape[axis] // 2
        sides = []
        for part in (slice(None, half), slice(half, None)):
            where = (slice(None),) * axis + (part,)
            inside = above_air[where][body[where]]
            sides.append(max(float(inside.mean()), 0.0) + 1e-3 * scale if inside.size else scale)
        figures[f"shade_{name}"] = sides[1] / sides[0]
    left = slice(body.shape[2] - body.shape[2] // 3, None)
    inside = (body & body[:, :, ::-1])[:, :, left]
    tissue = np.maximum(above_air, _DARK / 5 * scale)
    ratios = tissue[:, :, left] / tissue[:, :, ::-1][:, :, left]
    return {**figures, "shade_l": float(np.median(ratios[inside])) if inside.any() else 1.0}


def _void_ml(seen: Seen, scale: float) -> float:
    """Return how much lies deep in closed holes of the body, in ml: signal that metal took."""
    dark = _DARK * scale - (_HU if seen.volume.unit == "HU" else 0.0)
    deep = eroded(holes(seen.voxels >= dark), _DEEP)
    return float(deep.sum()) * float(np.prod(seen.steps_mm)) / 1000


def _background(seen: Seen, scale: float) -> Mapping[str, float]:
    """Return how bright it is at the sides of the image: ghosts, folded-over parts, noise.

    The rim lies at front, back, right and left; a body that reaches it is bright there, too.
    """
    _, depth, width = seen.voxels.shape
    rim = np.ones((depth, width), dtype=bool)
    across, along = max(1, depth // _RIM), max(1, width // _RIM)
    rim[across:-across, along:-along] = False
    level = float(np.percentile(seen.voxels[:, rim], 90))
    if seen.volume.unit == "HU":
        level += _HU
    return {"background": level / scale}


def _halo(seen: Seen) -> float:
    """Return how bright the air around the body is beside the air further away.

    Ghosts of what moved lie there; where there is no such air, it tells nothing, and is 1.
    """
    near = grown(seen.body, _NEAR[1]) & ~grown(seen.body, _NEAR[0])
    far = ~grown(seen.body, _FAR)
    if not near.any() or not far.any():
        return 1.0
    above_air = seen.voxels + _HU if seen.volume.unit == "HU" else seen.voxels
    least = 1e-3 * max(float(np.percentile(above_air, _BRIGHT)), 1e-6)
    levels = (
        max(float(np.percentile(above_air[where], _MOST_AIR)), least) for where in (near, far)
    )
    return next(levels) / next(levels)


def _noises(voxels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each slice's noise, its structure taken out by a double second difference.

    References
    ----------
    Immerkaer 1996, Fast noise variance estimation, Computer Vision and Image Understanding 64.
    The median stands in for the mean: edges count less.
    """
    if min(voxels.shape[1:]) < 3:
        return np.zeros(len(voxels))
    found = []
    for plane in voxels:
        rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
        twice = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
        bright = plane[1:-1, 1:-1]
        body = bright > 0.3 * np.percentile(bright, _BRIGHT) if bright.max() > 0 else bright > -500
        inside = np.abs(twice[body]) if body.any() else np.abs(twice)
        found.append(float(np.median(inside)) / (6 * 0.6745))
    return np.array(found)


def _saturated(voxels: NDArray[np.float32], unit: str) -> float:
    """Return the share of the body's voxels that have the greatest value there is."""
    body = voxels[np.asarray(foreground(voxels, unit))]
    return float((body == body.max()).mean()) if body.size else 1.0


def _blank(voxels: NDArray[np.float32], unit: str) -> float:
    """Return the share of what the body encloses where nothing was measured: exactly flat."""
    within = flat = 0
    for plane in voxels:
        inside = enclosed(np.asarray(foreground(plane, unit)))[:-1, :-1]
        still = (plane[:-1, :-1] == plane[1:, :-1]) & (plane[:-1, :-1] == plane[:-1, 1:])
        within += int(inside.sum())
        flat += int((still & inside).sum())
    return flat / max(within, 1)


def _symmetry(seen: Seen) -> float:
    """Return the correlation of the body with its mirror image, left for right."""
    part = seen.voxels[seen.box].astype(np.float64)
    other = part[:, :, ::-1]
    spread = float(part.std())
    if spread == 0:
        return 0.0
    return float(((part - part.mean()) * (other - other.mean())).mean()) / spread**2
