"""The picture of all phantoms in :file:`docs/pictures/phantoms.png`: ``python docs/phantoms.py``."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.pair import Pair
from train.phantom import (
    Coil,
    Inversion,
    Order,
    Protocol,
    Tissue,
    draw_condition,
    draw_spine,
    draw_subject,
    read_template,
    scan_pair,
)

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PICTURE = Path(__file__).parent / "pictures" / "phantoms.png"
LABELS = ("T1", "T2", "PD", "FLAIR", "STIR", "CT", "CBCT", "PT")
ROWS = (
    ("healthy", "none", "none"),
    ("plaques", "plaques", "none"),
    ("tumour", "tumour", "none"),
    ("old infarct", "infarct", "none"),
    ("haemorrhage", "haemorrhage", "none"),
    ("Alzheimer", "none", "alzheimer"),
)
SICK = (Tissue.PLAQUE, Tissue.TUMOUR, Tissue.INFARCT, Tissue.BLEED)
SPINES = (3, 0)
"""Seeds: discs as in youth beside worn ones."""
CUT = Protocol(
    name="mprage",
    sequence=Inversion(tr_ms=2000, te_ms=3.0, ti_ms=900),
    field_t=3.0,
    plane="axial",
    spacing_mm=1.2,
    step_mm=1.5,
    thickness_mm=1.5,
    extent_mm=(222.0, 205.0, 172.0),
    tilt_deg=(0.0, 0.0, 0.0),
    above_mm=6.0,
    coil=Coil(bias=0.06, bias_mm=110.0, near=0.2, noise=0.012),
)
WINDOWS = {"CT": (-120.0, 220.0), "CBCT": (-350.0, 650.0), "PT": (0.0, 1.9)}
Panel = tuple[str, NDArray[np.float32], tuple[float, float]]
"""Contrast, one slice of it, and what is black and white."""


def seed_of(lesion: str, disease: str) -> int:
    """Return the first seed whose subject has that and no more."""
    for seed in range(1, 1000):
        one = draw_condition(np.random.default_rng([seed, 0]))
        worth = disease == "none" or one.severity > 0.85
        if (one.lesion, one.disease) == (lesion, disease) and worth:
            return seed
    raise LookupError(f"no seed below 1000 draws {lesion} and {disease}")


def panels(pair: Pair, cut: tuple[slice | int, ...]) -> Iterator[Panel]:
    """Yield one slice of every contrast of a pair, MR in the window of brain and fluid."""
    labels = (*pair.about["labels"], pair.about["makes"])
    soft = np.isin(pair.tissue, (Tissue.GREY, Tissue.WHITE, Tissue.CSF))
    soft = soft if pair.about["anatomy"] == "head" else pair.body
    for label, volume in zip(labels, (*pair.sources, pair.target), strict=True):
        white = 1.15 * float(np.percentile(volume.voxels[soft], 98))
        yield label, volume.voxels[cut], WINDOWS.get(label, (0.0, white))


def heads() -> Iterator[tuple[str, list[Panel]]]:
    """Yield a row for each condition; of the healthy head one from the side as well."""
    template, order = read_template(1.0), Order(sources=LABELS[:-1], target=LABELS[-1])
    for name, lesion, disease in ROWS:
        pair = scan_pair(draw_subject(seed_of(lesion, disease), template), 0, order, CUT)
        depth, _, width = pair.target.shape
        if name == "healthy":
            side = (slice(None, None, -1), slice(None), width // 2)
            yield "from the side", list(panels(pair, side))
        sick = np.isin(pair.tissue, SICK).sum(axis=(1, 2))
        height = int(sick.argmax()) if lesion != "none" else int(depth * 0.69)
        yield name, list(panels(pair, (height, slice(None), slice(None))))


def spines() -> Iterator[Panel]:
    """Yield four contrasts of two spines."""
    order = Order(anatomy="spine", sources=("T1", "T2", "CT"), target="STIR")
    for seed in SPINES:
        pair = scan_pair(draw_spine(seed, 1.0), 0, order)
        yield from panels(pair, (pair.target.shape[0] // 2, slice(None), slice(None)))


def draw() -> None:
    """Write the picture, in greys for all and in colours for PET."""
    rows = [*heads(), ("spines", list(spines()))]
    edges = {"wspace": 0.02, "hspace": 0.03, "left": 0.03, "right": 1, "top": 0.98, "bottom": 0}
    figure, axes = plt.subplots(
        len(rows), len(LABELS), figsize=(9.6, 11.6), facecolor="black", gridspec_kw=edges
    )
    for place, (name, row) in enumerate(rows):
        for axis, (label, seen, (low, high)) in zip(axes[place], row, strict=True):
            axis.imshow(seen, cmap="inferno" if label == "PT" else "gray", vmin=low, vmax=high)
            axis.set(xticks=[], yticks=[])
            if name in ("from the side", "spines"):
                axis.set_title(label, color="white", fontsize=8, pad=2)
        axes[place][0].set_ylabel(name, color="white", fontsize=8, labelpad=2)
    buffer = BytesIO()
    figure.savefig(buffer, dpi=100, facecolor="black")
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = Image.open(buffer).convert("RGB")
    drawn.quantize(palette=_palette(), dither=Image.Dither.NONE).save(PICTURE, optimize=True)


def _palette() -> Image.Image:
    """Return greys and the colours of uptake: few of each keep the file small."""
    greys = np.repeat(np.linspace(0, 255, 52).astype(np.uint8)[:, None], 3, axis=1)
    colours = (plt.get_cmap("inferno")(np.linspace(0.03, 1, 40))[:, :3] * 255).astype(np.uint8)
    image = Image.new("P", (1, 1))
    image.putpalette(np.concatenate([greys, colours]).tobytes())
    return image


if __name__ == "__main__":
    draw()
