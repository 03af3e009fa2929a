"""A cohort's studies into pairs, with progress."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["bring_pairs"]

_REPORT = "pairs.json"


def bring_pairs(dataset: Path, out: Path, workers: int, *, as_json: bool) -> bool:
    """Write the pairs of a dataset, and say what was left out; return whether nothing was.

    Raises
    ------
    DataInvalid
        When the dataset is none, or is not as it was written.
    """
    from train.cohort import PICTURES, assemble, read_dataset  # here: SimpleITK takes a second
    from train.stand import only_one

    found = read_dataset(dataset)
    with (
        only_one(out),
        click.progressbar(length=len(found.pairs), label=f"{len(found.pairs)} pairs") as bar,
    ):
        done = assemble(found, out, workers, lambda: bar.update(1))
    left = [one for one in done if one.against]
    report = {"dataset": found.digest, "pairs": [asdict(one) for one in done]}
    beside = out / f"{_REPORT}.part"
    beside.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    beside.replace(out / _REPORT)
    if as_json:
        click.echo(json.dumps(report, indent=1))
        return not left
    people = len({one.person for one in done if not one.against})
    click.echo(f"{out}: {len(done) - len(left)} pairs of {people} persons; {len(left)} left out")
    faults = Counter(each.fault for one in left for each in one.against)
    for fault, count in sorted(faults.items()):
        click.echo(f"  {count:5d} {fault}")
    if left:
        click.echo(f"  each is in {out / _REPORT}, to look at in {out / PICTURES}")
    return not left
