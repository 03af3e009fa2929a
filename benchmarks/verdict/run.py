"""What the active model answers, and what becomes of one candidate out of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from benchmarks.verdict.candidates import BETTER, Change, Scan, better, poisoned
from engine.preprocess import Resample
from engine.volume import Volume
from train.config import Recipe, read_recipe
from train.data import deal_as, read_index, truth_of
from train.export import export
from train.pair import Pair, path_of, read_pair, write_pair
from train.phantom import Order, make_phantoms
from train.run import fit
from train.verdict import Answer, GateFile, Seen, ask, judge, look, plant, read_gate_file

__all__ = ["GATE", "Outcome", "active", "coarse", "small", "tried"]

GATE = Path(__file__).with_name("gate.toml")
_FRESH = range(90_000, 90_012)
_COARSE_MM = 4.0
_UPDATES = 300
"""The model that is active has learned so many of the recipe's; the rest would make it better."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one candidate."""

    kind: str
    seed: int
    promoted: bool
    gain: float
    against: tuple[str, ...]


@cache
def small() -> Recipe:
    """Return the shipped recipe of the head, for heads of 4 mm and a network to match."""
    shipped = read_recipe(Path("conf/train/hlsnc-head-ct.toml"))
    made = replace(shipped.phantoms, subjects=50, spacing_mm=_COARSE_MM, validation=10, test=20)
    steps = ({"step": "orient"}, {"step": "resample", "spacing_mm": [_COARSE_MM] * 3},
             {"step": "crop_pad", "multiple": 4, "minimum": [64, 48], "margin_mm": 8},
             {"step": "normalise", "high": 0.995})  # fmt: skip
    learning = replace(shipped.learning, threads=1, sizes={"width": 8, "blocks": 3},
                       settings={**shipped.learning.settings, "adversary_width": 8})  # fmt: skip
    preparation = replace(shipped.preparation, steps=steps)
    return replace(shipped, pairs=made, preparation=preparation, learning=learning)


def active(run: Path, workers: int) -> Path:
    """Make phantoms and the model that is active, unless they are there."""
    recipe, bundle = small(), run / "active" / "head-ct"
    if not bundle.is_dir():
        made = Order.of(recipe.phantoms)
        for folder, seeds in (("data", list(recipe.phantoms.seeds)), ("fresh", list(_FRESH))):
            for _ in make_phantoms(run / "fine", seeds, made, workers):
                pass
            for seed in seeds:
                write_pair(run / folder, coarse(read_pair(path_of(run / "fine", seed, 0))))
        fit(recipe, run / "data", run / "learned", until=_UPDATES)
        export(recipe, run / "learned", bundle, run / "data")
    return bundle


def coarse(pair: Pair) -> Pair:
    """Return a pair with voxels of 4 mm: 400 candidates are looked at in minutes."""
    coarse = Resample((_COARSE_MM,) * 3)
    sources, target = [coarse.apply(one) for one in pair.sources], coarse.apply(pair.target)
    every = np.indices(target.shape).reshape(3, -1).T.astype(np.float64)
    places = np.column_stack([target.grid.centres(every), np.ones(len(every))])
    back = (places @ np.linalg.inv(pair.target.affine).T)[:, :3]
    most = np.array(pair.target.shape) - 1
    z, y, x = np.clip(np.rint(back), 0, most).astype(np.int64).T
    body, tissue = (one[z, y, x].reshape(target.shape) for one in (pair.body, pair.tissue))
    held = [one.with_voxels(np.maximum(np.asarray(one.voxels), 0)) for one in sources]
    plain = [Volume(np.asarray(one.voxels), one.grid, unit=one.unit) for one in (*held, target)]
    about = {key: value for key, value in pair.about.items() if key != "timings"}
    return Pair(tuple(plain[:-1]), plain[-1], body, tissue, about)


@cache
def _asked(run: Path, bundle: Path) -> tuple[Recipe, GateFile, tuple[Scan, ...]]:
    """Let the active model answer every scan, once for all candidates of a process."""
    torch.set_num_threads(1)
    recipe, data = small(), run / "data"
    entries = read_index(data)
    split = deal_as(recipe, entries, data)
    groups = {"held out": split.test, "watched": split.validation}
    chosen = [(group, entry.path) for group, who in groups.items() for entry in entries
              if entry.subject in who]  # fmt: skip
    chosen += [("phantoms", entry.path) for entry in read_index(run / "fresh")]
    scans = tuple(_scan(recipe, bundle, path, group) for group, path in chosen)
    return recipe, read_gate_file(GATE), scans


def _scan(recipe: Recipe, bundle: Path, path: Path, group: str) -> Scan:
    pair = read_pair(path)
    planted = plant(pair.sources, int(pair.about["subject"]))
    truth = np.asarray(truth_of(pair, recipe.preparation).voxels, np.float32)
    answer = ask(bundle, pair, planted)
    return Scan(pair, planted, truth, replace(answer, stopped=""), group)


def tried(job: tuple[Path, Path, str, int]) -> Outcome:
    run, bundle, kind, number = job
    recipe, gate, scans = _asked(run, bundle)
    rng = np.random.default_rng([7, number])
    changes = (better(rng),) if kind == BETTER else poisoned(kind, rng)
    first = _active_seen(run, bundle)
    second = [_seen(recipe, scan, changes) for scan in scans]
    criteria = judge(first, second, gate, ("weights",))
    against = tuple(dict.fromkeys(_sort(one.name) for one in criteria if not one.passed))
    gains = [a.figures["mae"] - c.figures["mae"] for a, c in zip(first, second, strict=True)
             if a.group == "held out"]  # fmt: skip
    return Outcome(kind, number, not against, float(np.mean(gains)), against)


@cache
def _active_seen(run: Path, bundle: Path) -> tuple[Seen, ...]:
    recipe, _, scans = _asked(run, bundle)
    return tuple(_seen(recipe, scan, ()) for scan in scans)


def _seen(recipe: Recipe, scan: Scan, changes: Sequence[Change]) -> Seen:
    answer: Answer = scan.answer
    for change in changes:
        answer = change(scan, answer)
    return look(answer, scan.pair, scan.planted, recipe.preparation, scan.group)


def _sort(name: str) -> str:
    """Return what kind of criterion it is, whichever stratum or band."""
    return next((kind for kind in ("stratum", "bias", "lesions") if kind in name), name)
