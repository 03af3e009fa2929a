"""Drawings of figures: each an SVG that a page can hold within itself, or a PNG beside it."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from train.card import METHODS
from train.evaluate.pictures import Case
from train.evaluate.whole import beside

__all__ = ["COLOURS", "agreement", "forest", "methods", "scatter", "sheet"]

COLOURS = {
    "model": "#0b6e4f",
    "regression": "#3d5a98",
    "look_up_table": "#c1666b",
    "copy": "#b08d57",
    "constant": "#8a8a8a",
    "passage": "#bfbfbf",
}
Interval = Mapping[str, float]
_STYLE: Mapping[Any, Any] = {
    "font.size": 9.5,
    "font.family": "sans-serif",
    "svg.hashsalt": "fixed",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def methods(
    errors: Mapping[str, Mapping[int, float]], found: Mapping[str, Interval], unit: str
) -> str:
    """Draw the error of every method: a dot for every subject, the mean and its interval."""
    order = [name for name in METHODS if name in errors]
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(8.6, 0.62 * len(order) + 0.9), layout="constrained")
        axes = figure.subplots()
        for row, method in enumerate(reversed(order)):
            values = np.array([errors[method][one] for one in sorted(errors[method])])
            spread = np.linspace(-0.22, 0.22, len(values)) if len(values) > 1 else np.zeros(1)
            axes.scatter(values, row + spread, s=9, color=COLOURS[method], alpha=0.35, lw=0)
            _bar(axes, found[method], row, COLOURS[method])
        axes.set_yticks(range(len(order)), [METHODS[name] for name in reversed(order)])
        axes.set_xlim(left=0)
        axes.set_xlabel(f"mean absolute error, {unit}")
        return _svg(figure)


def forest(
    rows: Sequence[tuple[str, Mapping[str, Interval]]], axis: str, *, zero: bool = False
) -> str:
    """Draw intervals of several methods, row under row.

    Parameters
    ----------
    rows : sequence of (label, intervals by method)
    axis : str
        What the horizontal axis is.
    zero : bool
        Whether below and above 0 both mean something.
    """
    order = [name for name in METHODS if any(name in row for _, row in rows)]
    step = 0.7 / max(len(order), 1)
    with mpl.rc_context(dict(_STYLE)):
        high = (0.2 * len(order) + 0.16) * len(rows) + 0.9
        figure = Figure(figsize=(8.6, high), layout="constrained")
        axes = figure.subplots()
        for place, (_, row) in enumerate(reversed(rows)):
            for index, method in enumerate(order):
                if method in row:
                    at = place + 0.35 - step * (index + 0.5)
                    _bar(axes, row[method], at, COLOURS[method])
        axes.set_yticks(range(len(rows)), [label for label, _ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        if zero:
            axes.axvline(0, color="#444444", lw=0.8)
        else:
            axes.set_xlim(left=0)
        axes.set_xlabel(axis)
        if len(order) > 1:
            lines = [axes.plot([], [], color=COLOURS[name], lw=3)[0] for name in order]
            named = [METHODS[name] for name in order]
            figure.legend(lines, named, ncols=len(order), loc="outside upper left", frameon=False)
        return _svg(figure)


def agreement(counts: NDArray[np.float64], window: tuple[float, float], unit: str) -> str:
    """Draw how often each true value was made as each value: on the line, both are one."""
    low, high = window
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(4.6, 4.2), layout="constrained")
        axes = figure.subplots()
        seen = np.ma.masked_equal(counts.T, 0)
        axes.imshow(
            np.ma.log10(seen), origin="lower", extent=(low, high, low, high), cmap="viridis",
            interpolation="nearest",
        )  # fmt: skip
        axes.plot([low, high], [low, high], color="#d1495b", lw=1)
        axes.set_xlabel(f"truth, {unit}")
        axes.set_ylabel(f"this model, {unit}")
        return _svg(figure)


def scatter(points: Mapping[str, Sequence[tuple[float, float]]], axis: str) -> str:
    """Draw truth against model, a colour for each name, a dot for each subject."""
    with mpl.rc_context(dict(_STYLE)):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.subplots()
        palette = mpl.colormaps["tab10"]
        for index, (name, pairs) in enumerate(points.items()):
            x, y = zip(*pairs, strict=True)
            axes.scatter(x, y, s=14, color=palette(index % 10), label=name.replace("_", " "), lw=0)
        every = [value for pairs in points.values() for pair in pairs for value in pair]
        ends = [min(every), max(every)]
        axes.plot(ends, ends, color="#444444", lw=0.8)
        axes.set_xlabel(f"truth, {axis}")
        axes.set_ylabel(f"this model, {axis}")
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        return _svg(figure)


def sheet(path: Path, case: Case, title: str) -> None:
    """Write one case as a PNG: a column for each image, a row for each plane."""
    names = list(case.views[0].images)
    with mpl.rc_context({"font.size": 8}):
        figure = Figure(figsize=(2.25 * len(names), 7.2), layout="constrained", dpi=110)
        axes = np.atleast_2d(figure.subplots(len(case.views), len(names)))
        for row, view in enumerate(case.views):
            for column, (name, image) in enumerate(view.images.items()):
                aspect = (view.size_mm[0] / image.shape[0]) / (view.size_mm[1] / image.shape[1])
                axes[row, column].imshow(image, aspect=aspect, interpolation="nearest")
                axes[row, column].set_axis_off()
                if row == 0:
                    axes[row, column].set_title(name)
        figure.suptitle(title)
        with beside(path) as part:
            figure.savefig(part, format="png", metadata={"Software": None})


def _bar(axes: Axes, interval: Interval, at: float, colour: str) -> None:
    axes.plot([interval["low"], interval["high"]], [at, at], color=colour, lw=2.4, alpha=0.75,
              solid_capstyle="butt")  # fmt: skip
    axes.plot([interval["mean"]], [at], "o", color=colour, ms=5.5, mec="white", mew=0.8)


def _svg(figure: Figure) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
