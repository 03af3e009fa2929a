"""A candidate beside the active model, with progress."""

import os
from pathlib import Path

import click

from train.config import read_recipe

__all__ = ["verdict"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_THERE = click.Path(exists=True, file_okay=False, path_type=Path)
_PHANTOMS = "phantoms"


@click.command(short_help="Hold a candidate to a gate file, beside the active model.")
@click.argument("recipe", type=_FILE)
@click.argument("candidate", type=_THERE)
@click.option("--against", type=_THERE, required=True, help="The bundle that is active.")
@click.option("--gate", type=_FILE, required=True, help="What is asked of a candidate.")
@click.option("--data", type=_THERE, required=True, help="The pairs that RECIPE learned from.")
@click.option(
    "--run", type=_THERE, required=True, help="Where CANDIDATE was learned; the report goes there."
)
def verdict(
    recipe: Path, candidate: Path, against: Path, gate: Path, data: Path, run: Path
) -> None:
    r"""Say whether CANDIDATE, learned by RECIPE, may take the place of the active model.

    Both make their results of those who are held out, with and without planted lesions; every
    criterion of the gate file is held against them. Pairs in a folder 'phantoms' within DATA are of
    phantoms that neither has learned from. Writes verdict.html and verdict.json into RUN. Exit
    status: 0 it may; 3 it may not.

    \b
    Example:
      dicom-train verdict ours.toml runs/ours/bundle/head-ct --gate head-ct.gate.toml \
        --against conf/models/head-ct --data pairs --run runs/ours
    """
    from train.verdict import (  # here: torch
        PROMOTE,
        VERDICT,
        compare,
        read_gate_file,
        write_verdict,
    )

    read, asked = read_recipe(recipe), read_gate_file(gate)
    phantoms = data / _PHANTOMS if (data / _PHANTOMS).is_dir() else None
    (run / VERDICT).unlink(missing_ok=True)  # of others, whatever comes of these
    with click.progressbar(length=1, label="Looking at scans", show_pos=True) as bar:

        def told(done: int, of: int) -> None:
            bar.length = of
            bar.update(done - bar.pos)

        found = compare(
            read, (against, candidate), asked, (data, run, phantoms), os.cpu_count() or 1, told
        )
    page = write_verdict(run, found, read, (against, candidate))
    for one in found.report["criteria"]:
        click.echo(f"  {'passed' if one['passed'] else 'FAILED'}  {one['text']}")
    click.echo(f"{found.report['verdict']}: {page}")
    if found.report["verdict"] != PROMOTE:
        raise click.exceptions.Exit(3)
