"""The one loop: batches in, checkpoints, a log and pictures out."""

import csv
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.device import Choice, choose
from engine.preprocess import Window
from train import checkpoint, systems
from train.config import Recipe
from train.data import (
    SPLIT,
    Augment,
    Entry,
    PairedSlices,
    Split,
    make_split,
    read_index,
    read_split,
    write_split,
)
from train.errors import CheckpointInvalid, RecipeInvalid
from train.metrics import tiles, write_png
from train.systems import System, build_system

__all__ = ["LOG", "Report", "fit"]

LOG = "log.csv"
_SHOWN = 4

Report = Callable[[int, Mapping[str, float]], None]
"""Called after every update with the number of updates done and the losses of the last."""


def fit(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    until: int | None = None,
    device: Choice = "cpu",
    report: Report | None = None,
) -> Path:
    """Learn by ``recipe`` from the pairs in ``data``; go on where ``out`` stopped.

    Parameters
    ----------
    data : Path
        Folder of prepared pairs.
    out : Path
        Gets ``checkpoint.safetensors``, ``split.json``, ``log.csv`` and ``samples/``.
    until : int, optional
        Stop, with a checkpoint, after so many updates; the schedule stays that of the recipe.
    device : {"cpu", "cuda", "auto"}
        Where to compute. The same recipe gives the same bytes on one CPU; a GPU gives others.
    report : callable, optional
        See :data:`Report`.

    Returns
    -------
    checkpoint : Path

    Raises
    ------
    CheckpointInvalid
        When ``out`` holds a checkpoint of another recipe.
    DataInvalid
        When there is nothing to learn from.
    NotFinite
        When a loss is no number.
    """
    learned = recipe.learning
    out.mkdir(parents=True, exist_ok=True)
    with _threads(learned.threads):
        system = build_system(_chosen(recipe))
        place = choose(device).torch
        for network in system.networks.values():
            network.to(place)
        first = _resumed(recipe, system, out / checkpoint.FILE)
        parts = _parts(recipe, data, out)
        loop = _Loop(recipe, system, parts, out)
        for step in range(first, min(learned.steps, until or learned.steps)):
            losses = loop.update(step)
            if report is not None:
                report(step + 1, losses)
        loop.save()
    return out / checkpoint.FILE


def _split_of(recipe: Recipe, entries: tuple[Entry, ...], out: Path) -> Split:
    """Return the split of a run: the one written there, or a new one, written down."""
    path = out / SPLIT
    if path.is_file():
        return read_split(path)
    made = recipe.phantoms
    split = make_split(
        [entry.subject for entry in entries],
        validation=made.validation,
        test=made.test,
        seed=recipe.learning.seed,
    )
    write_split(path, split)
    return split


@dataclass(frozen=True, eq=False, slots=True)
class _Parts:
    train: PairedSlices
    validation: PairedSlices


class _Loop:
    """One run in memory."""

    def __init__(self, recipe: Recipe, system: System, parts: _Parts, out: Path) -> None:
        self.recipe, self.system, self.parts, self.out = recipe, system, parts, out
        self.place = next(system.networks[system.served].parameters()).device
        self.augment = _augment(recipe.learning.augment)
        self.done = 0
        self.seen: dict[str, list[float]] = {}
        self.began = time.monotonic()

    def update(self, step: int) -> dict[str, float]:
        """Learn from the batch of ``step``; log, look and save where they are due."""
        learned = self.recipe.learning
        batch = self.parts.train.draw(
            step, seed=learned.seed, size=learned.batch, augment=self.augment
        )
        losses = self.system.update(batch.to(self.place), step)
        self.done = step + 1
        for name, value in losses.items():
            self.seen.setdefault(name, []).append(value)
        if self.done % learned.report_every == 0:
            self._log()
        if self.done % learned.save_every == 0:
            self.save()
        return losses

    def save(self) -> None:
        """Write checkpoint and picture."""
        if self.done == 0:
            return
        about = {
            "step": str(self.done),
            "recipe": self.recipe.digest,
            "served": self.system.served,
        }
        path = self.out / checkpoint.FILE
        checkpoint.save(path, self.system.networks, self.system.optimisers, about)
        self._picture()

    def _log(self) -> None:
        """Add a line: the mean of every loss since the last, and the error on others' slices."""
        path = self.out / LOG
        row: dict[str, Any] = {"step": self.done, "seconds": round(time.monotonic() - self.began)}
        row |= {name: round(float(np.mean(values)), 5) for name, values in self.seen.items()}
        self.seen.clear()
        names = _columns(path) or ["step", "seconds", *sorted(set(row) - {"step", "seconds"})]
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore", restval="")
            if file.tell() == 0:
                writer.writeheader()
            writer.writerow(row)

    def _picture(self) -> None:
        """Write source, synthetic and truth of a few slices of somebody not learned from."""
        batch = self.parts.validation.whole(0)
        chosen = np.linspace(0.1, 0.9, _SHOWN) * (len(batch.source) - 1)
        where = torch.from_numpy(chosen.astype(np.int64))
        source, target = batch.source[where], batch.target[where]
        made = _served(self.system, source)
        rows = [[*images[:, 0].numpy()] for images in (source, made, target)]
        write_png(self.out / "samples" / f"step-{self.done:06d}.png", tiles(rows))


def _served(system: System, source: torch.Tensor) -> torch.Tensor:
    """Run the network that the node would run, one slice at a time as the node does."""
    network: nn.Module = system.networks[system.served]
    learning = network.training
    with torch.no_grad():
        network.eval()
        place = next(network.parameters()).device
        made = torch.cat([network(one[None].to(place)).cpu() for one in source])
    network.train(learning)
    return made


def _columns(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _chosen(recipe: Recipe) -> systems.Choice:
    learned = recipe.learning
    return systems.Choice(
        name=learned.system,
        preset=learned.preset,
        steps=learned.steps,
        seed=learned.seed,
        sizes=learned.sizes,
        settings=learned.settings,
    )


def _augment(values: Mapping[str, Any]) -> Augment:
    names = [field.name for field in fields(Augment)]
    if unknown := sorted(set(values) - set(names)):
        text = f"[learning.augment] unknown key '{unknown[0]}'; keys are {', '.join(names)}"
        raise RecipeInvalid(text)
    return Augment(**values)


def _resumed(recipe: Recipe, system: System, path: Path) -> int:
    """Put a checkpoint back, if there is one; return the updates that it has seen."""
    if not path.is_file():
        return 0
    found = checkpoint.load(path)
    if found.recipe != recipe.digest:
        text = f"{path} was learned by another recipe ({found.recipe[:12]}…, not "
        raise CheckpointInvalid(f"{text}{recipe.digest[:12]}…); choose another folder or delete it")
    checkpoint.restore(found, system.networks, system.optimisers)
    return found.step


def _parts(recipe: Recipe, data: Path, out: Path) -> _Parts:
    entries = read_index(data)
    split = _split_of(recipe, entries, out)
    prepared = recipe.preparation
    window = Window(*prepared.window)

    def slices(subjects: tuple[int, ...]) -> PairedSlices:
        chosen = [entry for entry in entries if entry.subject in subjects]
        return PairedSlices(chosen, prepared.steps, window, outside=prepared.outside)

    return _Parts(slices(split.train), slices(split.validation))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads: sums depend on it, so it belongs to the recipe."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
