"""Limits of a bundle's gate, with progress."""

from pathlib import Path

import click

from train.config import Recipe

__all__ = ["set_limits"]


def set_limits(recipe: Recipe, bundle: Path, data: Path, workers: int) -> None:
    """Set the limits of ``bundle`` on the pairs in ``data``; see :func:`train.calibrate.calibrate`.

    Raises
    ------
    DataInvalid
        When there are too few subjects, or some of the recipe's own.
    """
    from train.calibrate import calibrate  # here: torch takes seconds to load

    pairs = len(list(data.glob("*.npz")))
    with click.progressbar(length=pairs, label=f"Looking at {pairs} pairs") as bar:
        made = calibrate(recipe, bundle, data, workers, lambda: bar.update(1))
    click.echo(f"{made.name} {made.version}: limits set, {made.identity.digest}")
