"""Models that have really learned to erase lesions, and whether the gate keeps them out.

All targets that they learn from are of healthy heads, the sources of all: unbalanced sets, as in
Cohen et al. 2018, Distribution matching losses can hallucinate features in medical image
translation. Learned without pairs, as there, and with pairs, which erases while the error is small.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.verdict.candidates import LESIONS
from benchmarks.verdict.run import GATE, coarse, small
from train.config import Recipe
from train.data import SPLIT, Split, deal_as, read_index, write_split
from train.export import export
from train.pair import Pair, path_of, read_pair, write_pair
from train.phantom import Order, make_phantoms
from train.run import fit
from train.verdict import GateFile, compare, read_gate_file

__all__ = ["WAYS", "Erased", "erasers", "of_flair"]

_UPDATES = 300
WAYS = ("without pairs", "with pairs")


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of one eraser: the criteria that it failed, and its gain."""

    way: str
    seed: int
    promoted: bool
    gain: float
    against: tuple[str, ...]


@cache
def of_flair() -> Recipe:
    """Return a recipe that makes FLAIR from T2, where lesions are bright in both."""
    head = small()
    pairs = replace(head.phantoms, sources=("T2",), target="FLAIR", subjects=60)
    preparation = replace(head.preparation, window=(0.0, 1.0), outside=0.0, unit="1",
                          relative=0.995, headroom=1.5)  # fmt: skip
    return replace(
        head,
        pairs=pairs,
        preparation=preparation,
        learning=replace(head.learning, steps=_UPDATES),
        accepts=replace(head.accepts, labels=("T2",)),
        model=replace(head.model, makes="FLAIR"),
    )


def asked() -> GateFile:
    """Return the gate file of the other candidates, its errors as shares of the range."""
    gate = read_gate_file(GATE)
    proof = replace(gate.proof, worst=0.05, stratum=0.02, bias=0.01, leak=0.005, phantoms=0.01)
    return replace(gate, proof=proof)


def erasers(run: Path, seeds: range, workers: int) -> Iterator[Erased]:
    """Let a sound model and the erasers learn, and hold each of these to the gate file."""
    recipe = of_flair()
    _data(run, recipe, workers)
    split = deal_as(recipe, read_index(run / "data"), run / "data")
    _healthy(run, split)
    active = _learned(recipe, split, run / "data", run / "active")
    for way in WAYS:
        for seed in seeds:
            learning = replace(recipe.learning, seed=seed, paired=way == "with pairs")
            if not learning.paired:
                settings = {**learning.settings, "voxel": 0.0, "unpaired_every": 1}
                learning = replace(learning, settings=settings)
            place = run / f"{way} {seed}".replace(" ", "-")
            own = replace(recipe, learning=learning)
            candidate = _learned(own, split, run / "healthy", place)
            found = compare(
                own, (active, candidate), asked(), (run / "data", place / "run", None), workers
            )
            failed = [one["name"] for one in found.report["criteria"] if not one["passed"]]
            against = [name for name in failed if name != "phantoms"]  # all of them are phantoms
            gain = found.report["gain"]["mean"]
            yield Erased(way, seed, not against, gain, tuple(against))


def _data(run: Path, recipe: Recipe, workers: int) -> None:
    """Write the pairs, unless they are there."""
    made, seeds = Order.of(recipe.phantoms), list(recipe.phantoms.seeds)
    if all(path_of(run / "data", seed, 0).is_file() for seed in seeds):
        return
    for _ in make_phantoms(run / "fine", seeds, made, workers):
        pass
    for seed in seeds:
        write_pair(run / "data", coarse(read_pair(path_of(run / "fine", seed, 0))))


def _healthy(run: Path, split: Split) -> None:
    """Write the pairs again, whoever is learned from with a target that shows no lesion."""
    for entry in read_index(run / "data"):
        pair = read_pair(entry.path)
        learned = entry.subject in split.train
        write_pair(run / "healthy", _without_lesions(pair) if learned else pair)


def _without_lesions(pair: Pair) -> Pair:
    lesion = np.isin(pair.tissue, LESIONS)
    if not lesion.any():
        return pair
    voxels = np.array(pair.target.voxels)
    around = ndimage.binary_dilation(lesion, iterations=2) & ~lesion
    voxels[ndimage.binary_dilation(lesion)] = np.median(voxels[around])
    return replace(pair, target=pair.target.with_voxels(voxels))


def _learned(recipe: Recipe, split: Split, data: Path, place: Path) -> Path:
    """Learn by the recipe, everybody's part being as ``split`` has it, whatever the seed."""
    if not (place / "head-ct").is_dir():
        (place / "run").mkdir(parents=True, exist_ok=True)
        write_split(place / "run" / SPLIT, split)
        fit(recipe, data, place / "run")
        export(recipe, place / "run", place / "head-ct", data)
    return place / "head-ct"
