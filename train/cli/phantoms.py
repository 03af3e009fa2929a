"""Phantoms into a folder, with progress."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from train.config import Recipe
from train.errors import DataInvalid
from train.pair import path_of

if TYPE_CHECKING:
    from train.phantom import Order

__all__ = ["write_phantoms", "write_scans"]


def write_phantoms(recipe: Recipe, out: Path, workers: int, only: Sequence[int] = ()) -> None:
    """Write the scans of a recipe's subjects, or of ``only`` these, with the atlas it may want."""
    from engine.preprocess import Chain  # here: as above
    from train.data import ATLAS
    from train.phantom import Order

    made = recipe.phantoms
    seeds = list(only or made.seeds)
    write_scans(out, seeds, Order.of(made), workers)
    if Chain.of(recipe.preparation.steps).wants_atlas and not (out / ATLAS).is_file():
        from train.atlas import write_atlas  # here: it reads maps of nilearn

        write_atlas(out / ATLAS)


def write_scans(out: Path, seeds: list[int], order: "Order", workers: int) -> None:
    """Write what is not there yet of the scans of these subjects.

    Raises
    ------
    DataInvalid
        When the folder holds those of another order.
    """
    from train.phantom import make_phantoms

    _stamp(out, order)
    wanted = [(seed, [path_of(out, seed, scan) for scan in range(order.scans)]) for seed in seeds]
    lacking = [seed for seed, paths in wanted if not all(path.is_file() for path in paths)]
    if lacking:
        label = f"Making {len(lacking)} of {len(seeds)} phantoms"
        with click.progressbar(length=len(lacking) * order.scans, label=label) as bar:
            for _ in make_phantoms(out, lacking, order, workers):
                bar.update(1)
    click.echo(f"{len(seeds) * order.scans} scans with their truth in {out}")


def _stamp(out: Path, order: "Order") -> None:
    """Keep scans of one order and one phantom recipe in a folder: others are not mixed in."""
    from train.data import ORDER
    from train.phantom import RECIPE_SHA256

    text = json.dumps({"order": asdict(order), "phantoms": RECIPE_SHA256}, sort_keys=True) + "\n"
    path = out / ORDER
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        advice = "choose another folder or delete it"
        raise DataInvalid(f"{out} holds phantoms of another order or recipe ({ORDER}); {advice}")
    out.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
