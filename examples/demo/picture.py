"""One picture: source, synthetic, truth and difference, in three planes."""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from engine.preprocess import Orient, Resample
from engine.volume import Volume

__all__ = ["draw"]

_STEP_MM = 1.0
_AIR_HU = -1000.0
_COLUMNS = ("T1 MR (source)", "Synthetic CT", "True CT", "Synthetic - true")
_ROWS = ("axial", "coronal", "sagittal")
_LETTERS = {"axial": "ARPL", "coronal": "HRFL", "sagittal": "HAFP"}
"""Where the patient's sides are: top, left, bottom, right of the picture."""
_PLACES = ((0.5, 0.98, "center", "top"), (0.02, 0.5, "left", "center"),
           (0.5, 0.02, "center", "bottom"), (0.98, 0.5, "right", "center"))  # fmt: skip
_WINDOW = (-300.0, 1200.0)
_DIFFERENCE = 500.0


def draw(source: Volume, synthetic: Volume, truth: Volume, title: str, out: Path) -> float:
    """Write the picture; the three volumes lie on one grid.

    Returns
    -------
    float
        Mean absolute error inside the head, face and neck, HU; it stands in the picture too.
    """
    scan, made, true = (_canonical(volume) for volume in (source, synthetic, truth))
    body = true > _AIR_HU / 2
    middle = [int(np.median(np.nonzero(body)[axis])) for axis in range(3)]
    figure, axes = plt.subplots(3, 4, figsize=(13, 10.6), facecolor="black")
    error_hu = float(np.abs(made - true)[body].mean())
    top = float(np.percentile(scan[body], 93))  # fat is far brighter than the brain, and no matter
    for row, plane in enumerate(_ROWS):
        cuts = [_cut(volume, plane, middle) for volume in (scan, made, true, made - true)]
        for column, (cut, limits) in enumerate(
            zip(cuts, ((0, top), _WINDOW, _WINDOW, (-_DIFFERENCE, _DIFFERENCE)), strict=True)
        ):
            shown = axes[row, column].imshow(
                cut, cmap="berlin" if column == 3 else "gray", vmin=limits[0], vmax=limits[1]
            )
            axes[row, column].set_axis_off()
            _letters(axes[row, column], plane)
            if row == 0:
                axes[row, column].set_title(_COLUMNS[column], color="white", fontsize=13)
            if row == 2 and column > 0:
                _bar(figure, shown, axes[row, column], "neither" if column < 3 else "both")
        axes[row, 0].text(
            -0.04, 0.5, plane, color="white", rotation=90, va="center", ha="right",
            transform=axes[row, 0].transAxes, fontsize=12,
        )  # fmt: skip
    figure.suptitle(title, color="white", fontsize=14)
    caption = (
        f"Mean absolute error inside head, face and neck: {error_hu:.0f} HU. Face and neck are "
        "where it knows least; what looks like bone there is often none."
    )
    figure.text(0.5, 0.935, caption, color="white", fontsize=10, ha="center")
    figure.subplots_adjust(left=0.04, right=0.99, top=0.9, bottom=0.07, wspace=0.03, hspace=0.04)
    figure.savefig(out, dpi=110, facecolor="black")
    plt.close(figure)
    return error_hu


def _canonical(volume: Volume) -> NDArray[np.float32]:
    """Return voxels of one millimetre, slices towards the head."""
    return np.asarray(Resample((_STEP_MM,) * 3).apply(Orient.fit(volume).apply(volume)).voxels)


def _cut(voxels: NDArray[np.float32], plane: str, at: list[int]) -> NDArray[np.float32]:
    """Return one slice as radiologists hang it: head up, the patient's right on the left."""
    if plane == "axial":
        return voxels[at[0]]
    if plane == "coronal":
        return voxels[::-1, at[1], :]
    return voxels[::-1, :, at[2]]


def _letters(axes: plt.Axes, plane: str) -> None:
    for letter, (x, y, across, along) in zip(_LETTERS[plane], _PLACES, strict=True):
        axes.text(
            x, y, letter, color="white", ha=across, va=along, fontsize=9,
            transform=axes.transAxes, bbox={"color": "black", "pad": 1.0, "alpha": 0.6},
        )  # fmt: skip


def _bar(figure: plt.Figure, shown: plt.cm.ScalarMappable, axes: plt.Axes, ends: str) -> None:
    box = axes.get_position()
    place = figure.add_axes((box.x0 + 0.02, 0.045, box.width - 0.04, 0.012))
    bar = figure.colorbar(shown, cax=place, orientation="horizontal", extend=ends)
    bar.ax.tick_params(colors="white", labelsize=8)
    bar.set_label("HU", color="white", fontsize=8, labelpad=0)
