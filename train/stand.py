"""What a run stands on: one writer, a checkpoint, a split and pairs, each held to the others."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file

from engine.errors import EngineError
from engine.preprocess import Atlas, Chain
from train import checkpoint, processes
from train.checkpoint import Best, Checkpoint
from train.config import Cohort, Learning, Phantoms, Recipe
from train.data import (
    ATLAS,
    SPLIT,
    Entry,
    Pool,
    Shelf,
    Split,
    check_order,
    deal_as,
    entries_of,
    prepare,
    read_index,
    read_split,
    span_of,
    write_split,
)
from train.errors import CheckpointInvalid, DataInvalid

__all__ = [
    "Stand",
    "check_split",
    "entries_for",
    "is_over",
    "learned_by",
    "left_by",
    "only_one",
    "pools_of",
    "split_of",
]

_LOCK = ".lock"


@dataclass(slots=True)
class Stand:
    """How far a run is, who it learns from, and the SHA-256 of the weights that it began with.

    ``start`` is empty where they were drawn.
    """

    done: int
    saved: int
    best: Best
    split: Split
    start: str = ""

    def over(self, recipe: Recipe, steps: int) -> bool:
        """Whether ``steps`` updates are done, or the patience of the recipe is at its end."""
        return self.done >= steps or is_over(recipe.learning, self.done, self.best)


def is_over(learning: Learning, done: int, best: Best) -> bool:
    """Whether all updates of a recipe are done, or its patience is at an end."""
    spent = bool(best.weights) and done - best.step >= learning.patience > 0
    return done >= learning.steps or spent


@contextmanager
def only_one(run: Path) -> Iterator[None]:
    """Let nobody else work in the folder ``run`` meanwhile; the system lets go of it at a kill.

    Raises
    ------
    DataInvalid
        When somebody does.
    """
    run.mkdir(parents=True, exist_ok=True)
    if processes.rank():  # those that learn together are one
        yield
        return
    with (run / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            text = f"another process works in {run}"
            raise DataInvalid(f"{text}; wait until it is done, or name another folder") from exc
        yield


def left_by(recipe: Recipe, run: Path) -> Checkpoint | None:
    """Return the checkpoint in ``run``; None where there is none.

    Raises
    ------
    CheckpointInvalid
        When it cannot be read, or was learned by another recipe.
    """
    return learned_by(recipe, run) if (run / checkpoint.FILE).is_file() else None


def learned_by(recipe: Recipe, run: Path) -> Checkpoint:
    """Return the checkpoint in ``run``.

    Raises
    ------
    CheckpointInvalid
        When it is absent, cannot be read, or was learned by another recipe.
    """
    path = run / checkpoint.FILE
    found = checkpoint.load(path)
    if found.recipe != recipe.digest:
        text = f"{path} was learned by another recipe ({found.recipe[:12]}…, not "
        raise CheckpointInvalid(f"{text}{recipe.digest[:12]}…); choose another folder or delete it")
    return found


def split_of(recipe: Recipe, run: Path, found: Checkpoint | None, folder: Path) -> Split:
    """Return who is learned from: as the checkpoint has it, as is written, or dealt anew.

    What was learned by is written again where it is gone.

    Parameters
    ----------
    folder : Path
        Of the pairs: persons of a cohort are dealt out by who is there.

    Raises
    ------
    DataInvalid
        When the file names subjects that the recipe has not, or other numbers of them, or is not
        what the checkpoint was learned by.
    """
    path, made = run / SPLIT, recipe.pairs
    known = None if found is None else _split_in(found)
    if path.is_file():
        split = read_split(path)
        if isinstance(made, Phantoms):
            _check_dealt(split, made, path)
        elif known is None:
            _check_same(split, deal_as(recipe, read_index(folder), folder), path)
        _check_same(split, known, path)
        return split
    if known is not None:
        split = known
    else:
        entries = read_index(folder) if isinstance(made, Cohort) else ()
        split = deal_as(recipe, entries, folder)
    if processes.rank() == 0:
        write_split(path, split)
    return split


def check_split(found: Checkpoint, run: Path) -> None:
    """Refuse a split that is not what was learned by: it may measure on whom it learned from.

    Raises
    ------
    DataInvalid
        When ``run/split.json`` is another one. Checkpoints of before 2026-11-22 do not say.
    """
    path, known = run / SPLIT, _split_in(found)
    if known is not None and path.is_file():
        _check_same(read_split(path), known, path)


def _check_same(split: Split, known: Split | None, path: Path) -> None:
    if known is not None and split != known:
        text = f"{path} is not the split that the checkpoint beside it was learned by"
        raise DataInvalid(f"{text}; delete it: 'dicom-train fit' writes the right one again")


def entries_for(recipe: Recipe, folder: Path, split: Split) -> tuple[Entry, ...]:
    """Return the pairs of everybody in ``split``.

    Raises
    ------
    DataInvalid
        When pairs of somebody are not there, or are not what the recipe orders.
    """
    check_order(recipe.pairs, folder)
    return entries_of(read_index(folder), split.everyone, folder)


def pools_of(
    recipe: Recipe, shelf: Shelf, split: Split, entries: Sequence[Entry]
) -> tuple[Pool, Pool]:
    """Return who is learned from, and who is only looked at.

    Raises
    ------
    DataInvalid
        When the atlas is not there, or pairs are not what the recipe orders.
    """
    atlas = _atlas(recipe, shelf.folder / ATLAS)

    def pool(subjects: tuple[int, ...], learning: Learning) -> Pool:
        chosen = [entry for entry in entries if entry.subject in subjects]
        pairs = prepare(chosen, recipe.pairs, recipe.preparation, atlas, shelf)
        return Pool(pairs, learning, span_of(recipe.preparation.steps))

    others = replace(recipe.learning, paired=True)  # an error wants the truth
    return pool(split.train, recipe.learning), pool(split.validation, others)


def _split_in(found: Checkpoint) -> Split | None:
    if found.split is None:
        return None
    try:
        return Split(**{name: tuple(part) for name, part in found.split.items()})
    except (AttributeError, TypeError) as exc:
        text = f"the checkpoint does not say who it learned from ({exc})"
        raise CheckpointInvalid(f"{text}; delete it and run 'dicom-train fit'") from exc


def _check_dealt(split: Split, made: Phantoms, path: Path) -> None:
    subjects = made.seeds
    another = "fit into another folder or delete the run"
    if strange := sorted(set(split.everyone) - set(subjects)):
        text = f"{path} names subject {strange[0]}; the recipe has {subjects[0]} to"
        raise DataInvalid(f"{text} {subjects[-1]}: {another}")
    seen = {"validation": len(split.validation), "test": len(split.test)}
    wanted = {"validation": made.validation, "test": made.test}
    for name, count in wanted.items():
        if seen[name] != count:
            text = f"{path} has {seen[name]} subjects for {name}, the recipe {count}"
            raise DataInvalid(f"{text}: {another}")


def _atlas(recipe: Recipe, path: Path) -> Atlas | None:
    """Return the atlas beside the pairs, where a step asks it."""
    if not Chain.of(recipe.preparation.steps).wants_atlas:
        return None
    if not path.is_file():
        text = f"a step of {recipe.name} asks the atlas and there is no {path}"
        raise DataInvalid(f"{text}; 'dicom-train phantom --recipe' makes it")
    try:
        return Atlas.of(load_file(path))
    except (SafetensorError, EngineError, ValueError) as exc:
        text = f"{path} is no whole atlas ({exc}); delete it"
        raise DataInvalid(f"{text} and make it again with 'dicom-train phantom --recipe'") from exc
