"""Lesions painted into a brain: how many, where and how large is drawn.

Sizes and places are those of textbooks; no figure was fitted to a patient. Nothing is pushed aside:
a tumour or a haemorrhage takes the place of what it covers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from train.phantom.body import Box, Canvas
from train.phantom.fields import Axes, Floats, smooth_noise
from train.phantom.shapes import Ellipsoid, Point
from train.phantom.tissues import Tissue

__all__ = ["FIGURES", "Lesion", "paint_lesions"]

_PLAQUES, _PLAQUE_MM, _PERIVENTRICULAR = (5, 18), (2.2, 5.0), 0.7
_TUMOUR_MM, _CORE, _OEDEMA_MM = (10.0, 21.0), 0.45, (6.0, 16.0)
_INFARCT_MM, _RIM_MM = (10.0, 24.0), 3.0
_BLEED_MM, _AROUND_MM, _DEEP = (8.0, 17.0), (3.0, 7.0), 0.6
_BUMP, _BUMP_MM = 0.16, 9.0
_GANGLIA: Point = (4.0, 2.0, 27.0)
"""The outer putamen on the left, where small arteries burst."""
FIGURES = (
    _PLAQUES, _PLAQUE_MM, _PERIVENTRICULAR, _TUMOUR_MM, _CORE, _OEDEMA_MM, _INFARCT_MM, _RIM_MM,
    _BLEED_MM, _AROUND_MM, _DEEP, _BUMP, _BUMP_MM, _GANGLIA,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lesion:
    """One lesion.

    Parameters
    ----------
    kind : str
        Of :data:`train.phantom.disease.LESIONS`.
    at_mm : Point
        Its middle, along (S, P, L) of the template.
    radius_mm : float
        Mean of its three, oedema not counted.
    """

    kind: str
    at_mm: Point
    radius_mm: float


def paint_lesions(canvas: Canvas, kind: str, rng: np.random.Generator) -> tuple[Lesion, ...]:
    """Paint lesions of ``kind`` into the grey and white matter on ``canvas``; return them."""
    return () if kind == "none" else _PAINTERS[kind](canvas, rng)


def _plaques(canvas: Canvas, rng: np.random.Generator) -> tuple[Lesion, ...]:
    made = []
    for _ in range(int(rng.integers(*_PLAQUES))):
        near = rng.uniform() < _PERIVENTRICULAR
        at = _somewhere(canvas, rng, _by_the_ventricles if near else _above_the_tentorium)
        size = float(rng.uniform(*_PLAQUE_MM))
        long = rng.uniform(1.2, 1.9) if near else 1.0  # fingers that point away from the ventricle
        shape = Ellipsoid(at, (size * rng.uniform(0.8, 1.2), size, size * long))
        box, distance = _bumpy(canvas, shape, rng)
        canvas.turn(Tissue.WHITE, Tissue.PLAQUE, _inside(canvas, distance), box=box)
        made.append(Lesion("plaques", at, size))
    return tuple(made)


def _tumour(canvas: Canvas, rng: np.random.Generator) -> tuple[Lesion, ...]:
    at = _somewhere(canvas, rng, _above_the_tentorium)
    size = float(rng.uniform(*_TUMOUR_MM))
    shape = Ellipsoid(at, _radii(size, rng))
    margin = float(rng.uniform(*_OEDEMA_MM))
    box, distance = _bumpy(canvas, shape, rng, margin_mm=margin)
    oedema = _inside(canvas, distance - margin)
    canvas.turn(Tissue.WHITE, Tissue.SWELLING, oedema, box=box)
    _replace(canvas, Tissue.TUMOUR, distance, box)
    core = _inside(canvas, distance + (1 - _CORE) * size)
    canvas.turn(Tissue.TUMOUR, Tissue.INFARCT, core, box=box)
    return (Lesion("tumour", at, size),)


def _infarct(canvas: Canvas, rng: np.random.Generator) -> tuple[Lesion, ...]:
    made = []
    for _ in range(int(rng.integers(1, 3))):
        at = _somewhere(canvas, rng, _lateral)
        size = float(rng.uniform(*_INFARCT_MM))
        box, distance = _bumpy(canvas, Ellipsoid(at, _radii(size, rng)), rng, margin_mm=_RIM_MM)
        rim = _inside(canvas, distance - _RIM_MM)
        canvas.turn(Tissue.WHITE, Tissue.PLAQUE, rim, box=box)
        _replace(canvas, Tissue.INFARCT, distance, box)
        made.append(Lesion("infarct", at, size))
    return tuple(made)


def _haemorrhage(canvas: Canvas, rng: np.random.Generator) -> tuple[Lesion, ...]:
    if rng.uniform() < _DEEP:
        up, back, left = (float(c + rng.normal(0, 3)) for c in _GANGLIA)
        at = (up, back, left if rng.uniform() < 0.5 else -left)
    else:
        at = _somewhere(canvas, rng, _above_the_tentorium)
    size, around = float(rng.uniform(*_BLEED_MM)), float(rng.uniform(*_AROUND_MM))
    box, distance = _bumpy(canvas, Ellipsoid(at, _radii(size, rng)), rng, margin_mm=around)
    oedema = _inside(canvas, distance - around)
    canvas.turn(Tissue.WHITE, Tissue.SWELLING, oedema, box=box)
    _replace(canvas, Tissue.BLEED, distance, box)
    return (Lesion("haemorrhage", at, size),)


_Painter = Callable[[Canvas, np.random.Generator], tuple[Lesion, ...]]
_PAINTERS: Mapping[str, _Painter] = {
    "plaques": _plaques, "tumour": _tumour, "infarct": _infarct, "haemorrhage": _haemorrhage,
}  # fmt: skip


def _replace(canvas: Canvas, tissue: Tissue, distance: Floats, box: Box) -> None:
    """Make brain into ``tissue``; the fluid of clefts and ventricles stays."""
    share = _inside(canvas, distance)
    for old in (Tissue.GREY, Tissue.WHITE, Tissue.SWELLING, Tissue.PLAQUE):
        canvas.turn(old, tissue, share, box=box)


def _inside(canvas: Canvas, distance: Floats) -> Floats:
    return np.asarray(np.clip(0.5 - distance / canvas.step_mm, 0, 1), dtype=np.float32)


def _radii(size: float, rng: np.random.Generator) -> Point:
    z, y, x = size * rng.uniform(0.8, 1.2, 3)
    return float(z), float(y), float(x)


def _bumpy(
    canvas: Canvas, shape: Ellipsoid, rng: np.random.Generator, *, margin_mm: float = 0.0
) -> tuple[Box, Floats]:
    """Return the voxels around a body, and their distance to it, its surface made uneven."""
    low, high = shape.bounds()
    reach = margin_mm + 0.4 * max(shape.radii)
    box = canvas.box(_moved(low, -reach), _moved(high, reach))
    z, y, x = (axis[cut] for axis, cut in zip(canvas.axes, box, strict=True))
    axes: Axes = (z, y, x)
    uneven = _BUMP * min(shape.radii) * smooth_noise(rng, axes, _BUMP_MM)
    return box, np.asarray(shape.distance(canvas.within(box)) + uneven, dtype=np.float32)


def _moved(point: Point, by: float) -> Point:
    return point[0] + by, point[1] + by, point[2] + by


Where = Callable[[Floats, Floats, Floats], np.ndarray]


def _somewhere(canvas: Canvas, rng: np.random.Generator, where: Where) -> Point:
    """Draw a point of pure white matter that lies ``where``."""
    cut = tuple(slice(None, None, max(1, round(4 / canvas.step_mm))) for _ in range(3))
    z, y, x = np.nonzero(canvas.fractions[Tissue.WHITE][cut] > 0.8)
    up, back, left = (
        axis[cut[0]][index].astype(np.float32)
        for axis, index in zip(canvas.axes, (z, y, x), strict=True)
    )
    found = np.flatnonzero(where(up, back, left))
    one = int(rng.choice(found))
    return float(up[one]), float(back[one]), float(left[one])


def _above_the_tentorium(up: Floats, back: Floats, left: Floats) -> np.ndarray:
    return np.asarray((up > 0) & (np.abs(left) > 12) & (back < 75))


def _by_the_ventricles(up: Floats, back: Floats, left: Floats) -> np.ndarray:
    beside = (np.abs(left) > 10) & (np.abs(left) < 34)
    return np.asarray(beside & (up > 8) & (up < 36) & (back > -38) & (back < 62))


def _lateral(up: Floats, back: Floats, left: Floats) -> np.ndarray:
    return np.asarray((up > -5) & (up < 55) & (np.abs(left) > 33) & (np.abs(back) < 65))
