"""What was planted, to look at: a phantom with each fault of its pixels; how true spreads are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from benchmarks.battery.cases import CLEAN
from benchmarks.battery.headers import by_place
from benchmarks.battery.judge import Outcome
from engine.quality import Verdict
from engine.task import read_bundle
from engine.task.labels import UNITS

__all__ = ["Shown", "draw_faults", "draw_spreads", "read_limits"]

Shown = tuple[str, Sequence[Dataset], Outcome]
"""A fault, the slices that have it, and what became of them."""
_ACROSS = 6
_CALLED = {"1": "MR intensity"}
_COLOURS = {Verdict.PASS: "#b00020", Verdict.HOLD: "#8a5a00", Verdict.REFUSE: "#1b5e20"}


def draw_faults(shown: Sequence[Shown], path: Path) -> None:
    """Draw two planes of each: the middle slice, and one across the slices."""
    down = -(-len(shown) // _ACROSS)
    figure = Figure(figsize=(2.2 * _ACROSS, 1.6 * down), layout="constrained")
    axes = figure.subplots(down, _ACROSS, squeeze=False)
    for place in axes.flat:
        place.set_axis_off()
    words = {Verdict.REFUSE: "refused", Verdict.HOLD: "held for a person", Verdict.PASS: "passed"}
    marks = [Line2D([], [], color=_COLOURS[one], marker="s", linestyle="", label=text)
             for one, text in words.items()]  # fmt: skip
    figure.legend(handles=marks, loc="outside lower right", ncols=3, fontsize=8, frameon=False,
                  title="Each fault: the middle slice, and a section across all slices",
                  title_fontsize=8)  # fmt: skip
    for place, (fault, slices, outcome) in zip(axes.flat, shown, strict=False):
        _tile(place, slices)
        place.set_title(fault, fontsize=8)
        words = _words(outcome)
        colour = "0.3" if fault == CLEAN else _COLOURS[outcome.verdict]
        place.text(0.5, -0.03, words, transform=place.transAxes, ha="center", va="top",
                   fontsize=6.5, color=colour)  # fmt: skip
    figure.savefig(path, dpi=90)


def _words(outcome: Outcome) -> str:
    if outcome.verdict is Verdict.PASS:
        return "passed"
    verb = "refused" if outcome.verdict is Verdict.REFUSE else "held"
    return f"{verb}: {', '.join(outcome.checks[:2]) or ', '.join(outcome.codes[:2])}"


def _tile(place: Axes, slices: Sequence[Dataset]) -> None:
    """Draw the middle slice beside a section across all of them, both about square."""
    voxels = np.stack([ds.pixel_array for ds in by_place(slices)]).astype(np.float32)
    across = voxels[::-1, voxels.shape[1] // 2]
    size = max(voxels.shape[1:])
    tiles = [_square(voxels[len(voxels) // 2], size), _square(across, size)]
    place.imshow(np.concatenate(tiles, axis=1), cmap="gray", vmin=0,
                 vmax=max(float(np.percentile(voxels, 99.7)), 1.0))  # fmt: skip


def _square(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return a plane at (size, size), nearest neighbours."""
    rows, columns = (np.arange(size) * count // size for count in plane.shape)
    return plane[np.ix_(rows, columns)]


def draw_spreads(limits: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw for each model what was predicted against what was seen, tenth by tenth of the voxels.

    Parameters
    ----------
    limits : mapping
        Of each model, by name: what its ``quality.json`` holds, and what it ``makes``.
    """
    figure = Figure(figsize=(3 * len(limits), 3.2), layout="constrained")
    axes = figure.subplots(1, len(limits), squeeze=False)[0]
    for place, (name, one) in zip(axes, limits.items(), strict=True):
        predicted, seen = np.array(one["uncertainty"]["bins"]).T
        ends = 0.8 * min(predicted.min(), seen.min()), 1.25 * max(predicted.max(), seen.max())
        place.plot(ends, ends, color="0.7", linewidth=1, label="seen as predicted")
        place.plot(predicted, seen, "o", markersize=4, label="a tenth of the voxels")
        unit = _CALLED.get(UNITS[one["makes"]][0], UNITS[one["makes"]][0])
        place.set(xlim=ends, ylim=ends, xlabel=f"spread, predicted [{unit}]", aspect="equal")
        place.locator_params(nbins=5)
        place.set_title(name, fontsize=9)
    axes[0].set_ylabel("error, root mean square")
    axes[0].legend(fontsize=7, loc="upper left", frameon=False)
    figure.savefig(path, dpi=90)


def read_limits(models: Path) -> dict[str, Any]:
    """Return the limits of all models in a folder that have some, each with what it makes."""
    found = {}
    for path in sorted(models.glob("*/quality.json")):
        made = read_bundle(path.parent).makes
        found[path.parent.name] = {**json.loads(path.read_text(encoding="utf-8")), "makes": made}
    return found
