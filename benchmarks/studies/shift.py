"""AGI-Net against its backbone while one input is moved away from the other.

The paper claims that AGI-Net loses less than ResUnet where contrasts do not lie on each other
(Section 4, its figure of random shifts). Same data, same updates, three seeds; beside them the
robust preset, which learns from inputs that are moved against each other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift as moved

from benchmarks.studies.variant import Variant, figures, held_out, learned, made_of, split_of
from train.config import Recipe
from train.data import Prepared, Shelf
from train.metrics import bootstrap

BASE = Path("conf/train/agi-head-flair.toml")
SHIFTS_PX = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
WAYS = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
"""Down, right, up, left: one for each subject, in turn."""
SLICES = 4
"""Of each subject, evenly over the body: all of them would take hours and say the same."""
SEEDS = (1, 2, 3)
OWN = {"voxel": 100.0, "learning_rate": 3e-4}
"""Whatever the recipe that ships has made of them. The weight is the paper's (Section 4.2, by
pix2pix). At the recipe's rate, 1e-3, two of three ResUnets without norms are lost; at the paper's,
1e-4, nothing is learned in so few updates."""
LABELS = {"agi": "AGI-Net, paper", "resunet": "ResUnet, paper", "robust": "AGI-Net, robust"}


def variants(base: Recipe, steps: int) -> Iterator[tuple[str, Variant]]:
    """Yield what is compared: the kind, and one seed of it."""
    aligned = {key: value for key, value in base.learning.augment.items() if "misalign" not in key}
    networks = {
        "agi": ("agi_net", "paper", aligned),
        "resunet": ("resunet", "paper", aligned),
        "robust": ("agi_net", "robust", {**aligned, "misalign_px": 3.0}),
    }
    for seed in SEEDS:
        for kind, (network, preset, augment) in networks.items():
            changed = Variant.of(
                f"shift-{kind}-{seed}", base, network=network, preset=preset, augment=augment,
                seed=seed, steps=steps, settings={**base.learning.settings, **OWN},
            )  # fmt: skip
            yield kind, changed


def study(base: Recipe, data: Path, work: Path, steps: int) -> Mapping[str, Any]:
    """Learn every variant and return PSNR by kind, seed and shift, over held-out subjects."""
    split = split_of(base, data)  # of the recipe's own seed, for every seed of the study
    pairs = [some_slices(pair) for pair in held_out(base, data, split.test)]
    shelf = Shelf(data)
    curves: dict[str, dict[str, list[list[float]]]] = {}
    for kind, variant in variants(base, steps):
        generator = learned(variant, shelf, work, split)
        threads = variant.recipe.learning.threads
        by_shift = []
        for px in SHIFTS_PX:
            scores = []
            for pair, way in zip(pairs, cycle(WAYS), strict=False):
                given = apart(pair, (way[0] * px, way[1] * px))
                made = made_of(generator, pair, given, threads=threads)
                scores.append(figures(made, pair, base)["psnr"])
            by_shift.append(scores)
        curves.setdefault(kind, {})[str(variant.recipe.learning.seed)] = by_shift
    return {
        "updates": steps,
        "subjects": len({pair.subject for pair in pairs}),
        "slices_of_each": SLICES,
        "shifts_px": SHIFTS_PX,
        "psnr": summary(curves),
        "falls": falls(curves),
    }


def some_slices(pair: Prepared) -> Prepared:
    """Return a pair with :data:`SLICES` of its slices at most, evenly over those with body."""
    body = np.flatnonzero(pair.inside.any(axis=(1, 2)))
    chosen = np.unique(body[np.linspace(0, len(body) - 1, SLICES + 2)[1:-1].round().astype(int)])
    return replace(
        pair,
        source=pair.source[:, chosen],
        target=pair.target[chosen],
        inside=pair.inside[chosen],
    )


def apart(pair: Prepared, step: tuple[float, float]) -> NDArray[np.float32]:
    """Return the sources (K, Z, H, W), the second moved by ``step`` (rows, columns) in pixels."""
    sources = pair.source.astype(np.float32)
    if any(step):
        sources[1] = moved(sources[1], (0.0, *step), order=1, mode="nearest")
    return sources


def summary(curves: Mapping[str, Mapping[str, list[list[float]]]]) -> dict[str, Any]:
    """Return per kind the mean over seeds and subjects at each shift, and each seed's own."""
    return {
        kind: {
            "mean": [
                round(float(np.mean([s[i] for s in seeds.values()])), 3)
                for i in range(len(SHIFTS_PX))
            ],
            "seeds": {seed: [round(float(np.mean(v)), 3) for v in s] for seed, s in seeds.items()},
        }
        for kind, seeds in curves.items()
    }


def falls(curves: Mapping[str, Mapping[str, list[list[float]]]]) -> dict[str, Any]:
    """Return by how many dB each kind falls from 0 to 3 px: by subject, over seeds, and each seed.

    ``more`` is how much more AGI-Net falls than its backbone, subject beside subject: both were
    given the same images, moved the same way.
    """
    lost = {
        kind: np.array([np.subtract(s[0], s[-1]) for _, s in sorted(seeds.items())])
        for kind, seeds in curves.items()
    }
    found: dict[str, Any] = {kind: _fall(values) for kind, values in lost.items()}
    return {**found, "more": _fall(lost["agi"] - lost["resunet"])}


def _fall(values: NDArray[np.float64]) -> dict[str, Any]:
    """Return the interval over subjects, of the mean over seeds; (seeds, subjects) given."""
    subjects = values.mean(axis=0)
    return {
        **bootstrap(list(subjects)).as_dict(),
        "seeds": [round(float(one), 3) for one in values.mean(axis=1)],
        "subjects": [round(float(one), 3) for one in subjects],
    }
