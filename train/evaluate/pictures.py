"""Slices to look at: through the place where a result is worst, in all three planes."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.image import imsave
from numpy.typing import NDArray

from engine.preprocess import Chain, Trace
from engine.volume import Volume
from train.evaluate.figures import foreground_of
from train.pair import Pair

__all__ = ["PLANES", "Case", "Look", "View", "case_of", "encoded"]

Voxels = NDArray[np.floating]
Colours = NDArray[np.uint8]

PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True)
class Look:
    """How values become brightness.

    Parameters
    ----------
    low, high : float
        Black and white, in the unit of the values.
    away : float
        The error that is drawn in full colour, either way.
    colours : str
        Name of a colour map.
    """

    low: float
    high: float
    away: float
    colours: str = "gray"

    @classmethod
    def of(cls, makes: str, window: tuple[float, float]) -> "Look":
        """Return how a result of this label is looked at."""
        low, high = window
        if makes == "CT":
            return cls(-1000, 1600, 600)
        if makes == "PT":
            return cls(low, high, 0.3 * (high - low), "inferno")
        return cls(low, high, 0.3 * (high - low))

    def drawn(self, values: Voxels) -> Colours:
        """Return (Y, X, 3) of 8 bits."""
        share = np.clip((values - self.low) / (self.high - self.low), 0, 1)
        return np.asarray(mpl.colormaps[self.colours](share, bytes=True)[..., :3])

    def error(self, away: Voxels) -> Colours:
        """Return an error as colour: blue below the truth, red above, white where right."""
        share = np.clip(away / self.away, -1, 1) / 2 + 0.5
        return np.asarray(mpl.colormaps["RdBu_r"](share, bytes=True)[..., :3])


@dataclass(frozen=True, eq=False, slots=True)
class View:
    """One plane through a scan.

    Parameters
    ----------
    plane : str
        Axial, coronal or sagittal.
    size_mm : (float, float)
        Height and width.
    images : mapping
        (Y, X, 3) by what is shown.
    """

    plane: str
    size_mm: tuple[float, float]
    images: Mapping[str, Colours]


@dataclass(frozen=True, eq=False, slots=True)
class Case:
    """One scan to look at."""

    title: str
    views: tuple[View, ...]


def case_of(
    title: str, pair: Pair, made: Mapping[str, Voxels], truth: Voxels | None, look: Look
) -> Case:
    """Return the three planes through the place where the first of ``made`` is worst.

    Parameters
    ----------
    made : mapping
        Results by name, in the truth's unit, on the pair's grid; the model's first.
    truth : (Z, Y, X), optional
        Without it planes go through the middle of the body.
    """
    _, trace = Chain.of([{"step": "orient"}]).apply([pair.sources[0]])
    turned = _turner(trace, pair.sources[0])
    body = turned(foreground_of(pair).astype(np.float32), 0.0) > 0.5
    shown: dict[str, Callable[[tuple[int | slice, ...]], Colours]] = {}
    for label, source in zip(pair.about["labels"], pair.sources, strict=True):
        shown[str(label)] = _Drawn(turned(source.voxels, 0.0), _look_of(source, body, turned).drawn)
    first = next(iter(made.values()))
    for name, voxels in made.items():
        shown[name] = _Drawn(turned(voxels, look.low), look.drawn)
    weight = body.astype(np.float64)
    if truth is not None:
        shown["truth"] = _Drawn(turned(truth, look.low), look.drawn)
        away = turned(first - truth, 0.0)
        shown["error"] = _Drawn(away, look.error)
        weight = np.where(body, np.abs(away), 0.0)
    where = [_place(weight, axis, body) for axis in range(3)]
    spacing = trace.steps[0].apply(pair.sources[0]).grid.spacing_mm
    return Case(title, tuple(_view(shown, axis, where[axis], spacing) for axis in range(3)))


@dataclass(frozen=True, eq=False, slots=True)
class _Drawn:
    """A volume and how it is drawn, cut when it is asked for."""

    voxels: Voxels
    draw: Callable[[Voxels], Colours]

    def __call__(self, cut: tuple[int | slice, ...]) -> Colours:
        return self.draw(self.voxels[cut])


def _turner(trace: Trace, like: Volume) -> Callable[[Voxels, float], Voxels]:
    """Return what brings voxels of ``like``'s grid into the planes of the body."""

    def turned(voxels: Voxels, outside: float) -> Voxels:
        volume = like.with_voxels(voxels.astype(np.float32))
        return np.asarray(trace.follow(volume, outside=outside).voxels)

    return turned


def _look_of(
    source: Volume, body: NDArray[np.bool_], turned: Callable[[Voxels, float], Voxels]
) -> Look:
    """Return how a source is looked at: CT in its window, MR up to its brightest."""
    if source.unit == "HU":
        return Look(-1000, 1600, 1)
    inside = turned(source.voxels, 0.0)[body]
    top = float(np.quantile(inside, 0.99)) if inside.size else 1.0
    return Look(0.0, max(top, 1e-6), 1)


def _place(weight: Voxels, axis: int, body: NDArray[np.bool_]) -> int:
    """Return the slice with most ``weight``, among those that hold much of the body."""
    others = tuple(other for other in range(3) if other != axis)
    area = body.sum(axis=others)
    mean = np.where(area > area.max() / 2, weight.sum(axis=others), -1.0)
    return int(mean.argmax())


def _view(
    shown: Mapping[str, Callable[[tuple[int | slice, ...]], Colours]],
    axis: int,
    at: int,
    spacing_mm: tuple[float, float, float],
) -> View:
    """Cut every volume; slices run from feet to head, so upright planes are turned over."""
    cut: tuple[int | slice, ...] = tuple(at if one == axis else slice(None) for one in range(3))
    turn = slice(None) if axis == 0 else slice(None, None, -1)
    images = {name: draw(cut)[turn] for name, draw in shown.items()}
    rows, columns = next(iter(images.values())).shape[:2]
    high, wide = (spacing_mm[one] for one in range(3) if one != axis)
    return View(PLANES[axis], (rows * high, columns * wide), images)


def encoded(image: Colours) -> str:
    """Return an image as a PNG that a page can hold within itself."""
    buffer = BytesIO()
    imsave(buffer, image, format="png", pil_kwargs={"optimize": True})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
