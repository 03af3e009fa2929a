"""How good a model is on subjects that it did not learn from, beside what costs nothing to do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from engine.device import Device, choose
from engine.generate import generate_slices
from engine.models import build
from engine.postprocess import restore
from engine.preprocess import Chain, Normalise, Window
from engine.volume import Volume
from engine.weights import load_into
from train import checkpoint
from train.config import Recipe
from train.data import SPLIT, Entry, read_index, read_split
from train.errors import CheckpointInvalid
from train.metrics import bootstrap, evaluate, figures_ct
from train.pair import Pair, read_pair

__all__ = ["EVALUATION", "FIGURE", "LookUp", "Server", "measure"]

EVALUATION, FIGURE = "evaluation.json", "evaluation.png"
_METHODS = ("model", "look_up_table", "constant")
Voxels = NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class Server:
    """A network with the steps around it, exactly as the node runs them."""

    network: nn.Module
    chain: Chain
    window: Window
    outside: float
    unit: str
    device: Device

    @classmethod
    def of(cls, recipe: Recipe, run: Path) -> "Server":
        """Return what the checkpoint in ``run`` would serve.

        Raises
        ------
        CheckpointInvalid
            When there is none, or it was learned by another recipe.
        """
        found = checkpoint.load(run / checkpoint.FILE)
        if found.recipe != recipe.digest:
            text = f"the checkpoint in {run} was learned by another recipe; fit again"
            raise CheckpointInvalid(text)
        learned, prepared = recipe.learning, recipe.preparation
        network = build(learned.system, learned.preset, learned.sizes)
        return cls(
            network=load_into(network, checkpoint.served_weights(found)),
            chain=Chain.of(prepared.steps),
            window=Window(*prepared.window),
            outside=prepared.outside,
            unit=prepared.unit,
            device=choose("cpu", threads=learned.threads),
        )

    def __call__(self, source: Volume) -> Volume:
        """Return the synthetic volume on the source's own grid."""
        normalised, trace = self.chain.apply(source)
        made = self.window.undo(generate_slices(self.network, normalised, self.device))
        made_hu = normalised.with_voxels(made, unit=self.unit)
        return restore(made_hu, trace, "native", outside=self.outside)[0]


@dataclass(frozen=True, eq=False, slots=True)
class LookUp:
    """The best that brightness alone can tell: the median HU of each level of MR.

    No function of a voxel's brightness, rising or not, has a smaller mean absolute error on them.

    Parameters
    ----------
    high : float
        The share that normalises brightness, as the model's own steps do.
    levels : (N,)
        HU per level.
    constant : float
        Median HU of the whole body.
    """

    high: float
    levels: NDArray[np.float32]
    constant: float

    @classmethod
    def fit(cls, entries: Sequence[Entry], high: float) -> "LookUp":
        """Count HU by level over the bodies of ``entries``."""
        flat = np.zeros(_LEVELS * _BINS)
        for entry in entries:
            pair = read_pair(entry.path)
            level = _level(pair.source, high)[pair.body]
            hu = np.clip((pair.target.voxels[pair.body] - _FIRST_HU) / _BIN_HU, 0, _BINS - 1)
            flat += np.bincount(level * _BINS + hu.astype(np.int64), minlength=len(flat))
        counts = flat.reshape(_LEVELS, _BINS)
        levels = np.array([_median(row) for row in counts + counts.sum(axis=0) * 1e-9])
        return cls(high, levels.astype(np.float32), _median(counts.sum(axis=0)))

    def __call__(self, source: Volume) -> Voxels:
        """Return HU by brightness."""
        return np.asarray(self.levels[_level(source, self.high)])


_LEVELS, _BINS = 128, 800
_FIRST_HU, _BIN_HU = -1002.5, 5.0  # the first bin is around air


def _level(source: Volume, high: float) -> NDArray[np.int64]:
    """Brightness of each voxel as one of the levels, normalised as the model's steps do."""
    bright = (Normalise(high).fit(source).apply(source).voxels + 1) / 2
    level = np.minimum(bright * _LEVELS, _LEVELS - 1)
    return np.asarray(level, dtype=np.int64)


def _median(counts: NDArray[np.float64]) -> float:
    """Median HU of a histogram: the middle of its bin."""
    reached = int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
    return _FIRST_HU + (min(reached, _BINS - 1) + 0.5) * _BIN_HU


@dataclass(slots=True)
class _Scores:
    """Figures of every scan, by method and subject."""

    of: dict[str, dict[int, list[dict[str, float]]]] = field(
        default_factory=lambda: {method: {} for method in _METHODS}
    )

    def add(self, method: str, subject: int, figures: dict[str, float]) -> None:
        self.of[method].setdefault(subject, []).append(figures)

    def per_subject(self, method: str, name: str) -> list[float]:
        """Mean over the scans of each subject that have the figure."""
        known = [[one[name] for one in scans if name in one] for scans in self.of[method].values()]
        return [float(np.mean(values)) for values in known if values]


def measure(recipe: Recipe, data: Path, run: Path) -> dict[str, Any]:
    """Measure the checkpoint in ``run`` on its held-out subjects.

    Writes ``evaluation.json`` and ``evaluation.png`` into ``run``.

    Parameters
    ----------
    data : Path
        The pairs that the run was learned from; who is held out stands in its ``split.json``.

    Returns
    -------
    evaluation : dict
        What the JSON file holds.

    Raises
    ------
    CheckpointInvalid, DataInvalid
        When checkpoint, split or pairs are not there.
    """
    server, split = Server.of(recipe, run), read_split(run / SPLIT)
    entries = read_index(data)
    held = [entry for entry in entries if entry.subject in split.test]
    table = LookUp.fit([e for e in entries if e.subject in split.train], _high(recipe))
    scores, shown = _Scores(), None
    for entry in held:
        pair = read_pair(entry.path)
        made = server(pair.source).voxels
        if shown is None or _isotropic(pair) > _isotropic(shown[0]):
            shown = (pair, made)
        constant = np.where(pair.body, np.float32(table.constant), np.float32(-1000))
        for method, voxels in zip(_METHODS, (made, table(pair.source), constant), strict=True):
            scores.add(method, entry.subject, _figures(voxels, pair))
    evaluation = _summary(recipe, scores, learned_from=len(split.train))
    (run / EVALUATION).write_text(json.dumps(evaluation, indent=1) + "\n", encoding="utf-8")
    if shown is not None:
        _draw(run / FIGURE, *shown)
    return evaluation


def _high(recipe: Recipe) -> float:
    steps = [step for step in recipe.preparation.steps if step["step"] == "normalise"]
    return float(steps[0]["high"]) if steps else 0.995


def _figures(voxels: Voxels, pair: Pair) -> dict[str, float]:
    real = pair.target.voxels
    others = evaluate(voxels.astype(np.float32), real, pair.body, "synthrad2023")
    return {**figures_ct(voxels, real, pair.body), "psnr": others["psnr"], "ssim": others["ssim"]}


def _summary(recipe: Recipe, scores: _Scores, *, learned_from: int) -> dict[str, Any]:
    names = sorted({name for scans in scores.of["model"].values() for one in scans for name in one})
    methods = {
        method: {name: bootstrap(scores.per_subject(method, name)).as_dict() for name in names}
        for method in _METHODS
    }
    ours = np.array(scores.per_subject("model", "mae"))
    gains = {
        other: bootstrap(list(np.array(scores.per_subject(other, "mae")) - ours)).as_dict()
        for other in _METHODS[1:]
    }
    return {
        "model": f"{recipe.name} {recipe.model.version}",
        "learned_from": recipe.model.learned_from,
        "measured_on": "held-out phantom heads with known truth; says nothing of patients",
        "subjects": {"learned_from": learned_from, "measured": len(scores.of["model"])},
        "scans": sum(len(scans) for scans in scores.of["model"].values()),
        "where": "inside the head, air cavities included, on the grid of each source",
        "units": "HU; psnr in dB, ssim from -1 to 1, both over -1024 to 3000 HU",
        "interval": "95 %, bootstrap over subjects, 10000 draws",
        "baselines": {
            "look_up_table": "median HU by MR brightness of those learned from, any shape",
            "constant": "the median HU of the heads learned from, everywhere inside",
        },
        "figures": methods,
        "mae_below": gains,
        "per_subject": {
            str(subject): [{k: round(v, 3) for k, v in one.items()} for one in scans]
            for subject, scans in sorted(scores.of["model"].items())
        },
    }


def _isotropic(pair: Pair) -> float:
    """Nearer 1 the more alike the steps are: such a scan is good to look at in three planes."""
    return min(pair.source.grid.spacing_mm) / max(pair.source.grid.spacing_mm)


_SHOWN: Mapping[str, tuple[float, float]] = {
    "MR (phantom)": (0.0, 1.0),
    "synthetic CT": (-1000, 1600),
    "true CT": (-1000, 1600),
    "synthetic - true": (-600, 600),
}


def _draw(path: Path, pair: Pair, made: Voxels) -> None:
    """Draw one held-out scan in three planes: source, synthetic, truth, difference."""
    oriented, trace = Chain.of([{"step": "orient"}]).apply(pair.source)
    truth, ours = (
        trace.follow(pair.source.with_voxels(voxels), outside=-1000).voxels
        for voxels in (pair.target.voxels, made)
    )
    bright = oriented.voxels / max(float(np.quantile(oriented.voxels, 0.99)), 1e-6)
    z, y, x = oriented.grid.spacing_mm
    with mpl.rc_context({"font.size": 8, "svg.hashsalt": "fixed"}):
        figure = Figure(figsize=(9.0, 7.2), layout="constrained", dpi=110)
        axes = figure.subplots(3, len(_SHOWN))
        volumes = (bright, ours, truth, ours - truth)
        for column, ((title, (low, high)), volume) in enumerate(
            zip(_SHOWN.items(), volumes, strict=True)
        ):
            planes = (
                (volume[int(volume.shape[0] * 0.55)], y / x),
                (volume[::-1, volume.shape[1] // 2], z / x),
                (volume[::-1, :, volume.shape[2] // 2], z / y),
            )
            for row, (plane, aspect) in enumerate(planes):
                axes[row, column].imshow(plane, cmap="gray", vmin=low, vmax=high, aspect=aspect)
                axes[row, column].set_axis_off()
            axes[0, column].set_title(title)
        figure.suptitle("A phantom head that was not learned from (HU -1000 to 1600, ±600)")
        figure.savefig(path, metadata={"Software": None})
