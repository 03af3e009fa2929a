"""The curve of PSNR over shifts, each seed thin and their mean thick."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.studies.shift import LABELS


def draw_shift(found: Mapping[str, Any], path: Path) -> None:
    """Draw what :func:`benchmarks.studies.shift.study` found."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(6.0, 4.0), layout="constrained", dpi=120)
        axes = figure.subplots()
        for index, (kind, curve) in enumerate(found["psnr"].items()):
            colour = f"C{index}"
            for number, values in enumerate(curve["seeds"].values()):
                said = "one seed each, thin" if index == number == 0 else None
                axes.plot(found["shifts_px"], values, color=colour, lw=0.7, alpha=0.5, label=said)
            axes.plot(found["shifts_px"], curve["mean"], "o-", color=colour, label=LABELS[kind])
        axes.set_xlabel("shift of T2 against T1 (pixels)")
        axes.set_ylabel("PSNR of FLAIR (dB)")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(path, metadata={"Software": None})
