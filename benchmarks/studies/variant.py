"""One way of learning, and how well it does on subjects that nobody learned from."""

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engine.device import choose
from engine.generate import generate
from engine.pipeline import Generator
from engine.preprocess import Atlas
from engine.volume import Grid, Volume
from train.config import Recipe
from train.data import (
    ATLAS,
    SPLIT,
    Prepared,
    Shelf,
    Split,
    entries_of,
    make_split,
    prepare,
    read_index,
    read_split,
    write_split,
)
from train.errors import DataInvalid
from train.journal import LOG
from train.metrics import evaluate
from train.run import fit
from train.served import served


@dataclass(frozen=True)
class Variant:
    """A recipe under a name of its own, which is its folder's and stands in tables."""

    name: str
    recipe: Recipe

    @classmethod
    def of(cls, name: str, base: Recipe, **changes: Any) -> "Variant":
        """Return ``base`` with other values in its section [learning]."""
        return cls(name, replace(base, learning=replace(base.learning, **changes)))


def learned(variant: Variant, shelf: Shelf, work: Path, split: Split) -> Generator:
    """Learn, or go on where it stopped; return what would be served.

    All variants of a study learn from the same subjects, whatever their seed: the split of a run is
    dealt by its seed only where none lies there.
    """
    run = work / variant.name
    if (run / SPLIT).is_file() and read_split(run / SPLIT) != split:
        raise DataInvalid(f"{run} learned from other subjects than this study; delete it")
    run.mkdir(parents=True, exist_ok=True)
    write_split(run / SPLIT, split)
    began = time.monotonic()
    fit(variant.recipe, shelf, run)
    print(f"  {variant.name}: {time.monotonic() - began:.0f} s", flush=True)
    return served(variant.recipe, run, shelf.folder).generator


def split_of(recipe: Recipe, data: Path) -> Split:
    """Return who is learned from in every variant of ``recipe``."""
    subjects = sorted({entry.subject for entry in read_index(data)})
    made, seed = recipe.phantoms, recipe.learning.seed
    return make_split(subjects, validation=made.validation, test=made.test, seed=seed)


def held_out(recipe: Recipe, data: Path, subjects: Sequence[int]) -> list[Prepared]:
    """Return the pairs of subjects that nobody learns from, through the recipe's own steps."""
    entries = entries_of(read_index(data), subjects, data)
    atlas = Atlas.of(load_file(data / ATLAS)) if (data / ATLAS).is_file() else None
    return prepare(entries, recipe.pairs, recipe.preparation, atlas)


def made_of(
    generator: Generator,
    pair: Prepared,
    sources: NDArray[np.float32] | None = None,
    *,
    threads: int,
) -> NDArray[np.float32]:
    """Return what the network makes of a prepared pair, or of ``sources`` (K, Z, H, W) instead."""
    given = pair.source.astype(np.float32) if sources is None else sources
    grid = Grid(pair.target.shape, np.eye(4))
    volumes = [Volume(np.ascontiguousarray(one), grid) for one in given]
    device = choose("cpu", threads=threads)
    made = generate(generator.network, volumes, generator.generation, device)
    return np.clip(np.asarray(made), *generator.output.onto)


def last_losses(variant: Variant, work: Path) -> Mapping[str, float]:
    """Return the last line of the log, where a run was long enough to have one.

    An adversary that has won shows in its losses.
    """
    if not (work / variant.name / LOG).is_file():
        return {}
    with (work / variant.name / LOG).open(encoding="utf-8", newline="") as file:
        *_, last = csv.DictReader(file)
    return {name: float(value) for name, value in last.items() if name not in ("step", "seconds")}


def figures(made: NDArray[np.float32], pair: Prepared, recipe: Recipe) -> Mapping[str, float]:
    """Return the figures of profile ``unit`` in the foreground, both images brought to [0, 1]."""
    low, high = recipe.preparation.onto
    span = high - low
    one, other = ((x.astype(np.float32) - low) / span for x in (made, pair.target))
    found = evaluate(one, other, pair.inside, "unit")
    return {name: float(found[name]) for name in ("mae", "psnr", "ssim")}


def by_subject(
    pairs: Sequence[Prepared], scores: Sequence[Mapping[str, float]], name: str
) -> list[float]:
    """Return the mean of a figure over the scans of each subject: scans are not independent."""
    subjects: dict[int, list[float]] = {}
    for pair, score in zip(pairs, scores, strict=True):
        subjects.setdefault(pair.subject, []).append(score[name])
    return [float(np.mean(values)) for _, values in sorted(subjects.items())]
