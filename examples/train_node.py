"""CT from cone-beam CT on six phantom heads, in this project: ``python -m examples.train_node``.

To be read beside ``train_plain.py``: same phantoms, network, loss and number of updates. What to do
is a value, the recipe; stopped and called again, learning goes on exactly where it was. What it
leaves in the folder that is named (runs/example) is a bundle that the node runs, measured by the
code that serves it.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from train.config import Learning, Recipe, read_recipe
from train.evaluate import measure, told
from train.export import export
from train.phantom import Order, make_phantoms
from train.run import fit

SHIPPED = Path(__file__).parents[1] / "conf/train/mdaunet-head-cbct.toml"
NOTE = """So few updates make no model: a copy of the source is better. Not to be compared with the
figure of train_plain: that is of slices made small, this of the grid that the source came on."""
STEPS = (
    {"step": "orient"},  # slices to the head, rows to the back, however they were scanned
    {"step": "resample", "spacing_mm": [5.0, 5.0, 5.0]},
    {"step": "crop_pad", "multiple": 8, "minimum": [48, 48], "margin_mm": 8},
    {"step": "window", "low": -1024, "high": 3000, "onto": [0, 1]},
)


def recipe_of(shipped: Recipe) -> Recipe:
    """Return the shipped recipe with fewer heads, coarse slices, and no adversary."""
    few = replace(shipped.phantoms, first_seed=0, subjects=6, spacing_mm=4.0, validation=1, test=1)
    prepared = replace(shipped.preparation, steps=STEPS, generate={"how": "slices"})
    learning = Learning(
        "regression", "paper", seed=1, steps=160, batch=4, network="resunet", threads=1,
        report_every=40, sizes={"channels_in": 1, "width": 8}, settings={"learning_rate": 3e-3},
    )  # fmt: skip
    return replace(shipped, phantoms=few, preparation=prepared, learning=learning, baseline=None)


def report(update: int, losses: Mapping[str, float]) -> None:
    """Print what the loop tells, now and then."""
    if update % 40 == 0:
        print(f"update {update}: {losses['voxel']:.3f}")


def main(folder: Path) -> float:
    """Make phantoms, learn, measure, and write a bundle; return the error in HU."""
    recipe, data, run = recipe_of(read_recipe(SHIPPED)), folder / "data", folder / "run"
    list(make_phantoms(data, range(6), Order(sources=("CBCT",), target="CT", spacing_mm=4.0)))
    fit(recipe, data, run, report=report)
    found = measure(recipe, data, run)
    print(told(found), export(recipe, run, folder / "bundle", data).path, NOTE, sep="\n")
    return float(found["figures"]["model"]["mae"]["mean"])


if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["runs/example"]))
