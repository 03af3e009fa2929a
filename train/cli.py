"""The command ``dicom-train``: make phantoms, learn, measure, write a bundle.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import EngineError
from train.config import Recipe, read_recipe
from train.errors import TrainError

if TYPE_CHECKING:
    from engine.device import Choice

__all__ = ["main"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_MM = click.FloatRange(0.5, 8.0)
_COUNT = click.IntRange(1, 256)


class _OneLineErrors(click.Group):
    """Show our own errors as one line and exit 1; let bugs keep their traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (TrainError, EngineError) as exc:
            raise click.ClickException(str(exc)) from exc
        except OSError as exc:  # a folder that cannot be written, a full disk
            raise click.ClickException(f"{exc.filename or 'file'}: {exc.strerror}") from exc


@click.group(cls=_OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dicom-synthesis-node")
def main() -> None:
    """Learn the models that the node runs.

    A recipe (conf/train/*.toml) says all of how a model is made. What is made along the way goes
    into runs/<recipe>.

    Example: dicom-train make conf/train/hlsnc-head-ct.toml --bundle conf/models/hlsnc-head-ct
    """


@main.command()
@click.argument("out", type=_FOLDER)
@click.option("--recipe", type=_FILE, help="Make all subjects of this recipe.")
@click.option(
    "--subject",
    type=click.IntRange(min=0),
    multiple=True,
    help="Make the subject of this seed instead.",
)
@click.option(
    "--scans",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Scans of each --subject.",
)
@click.option("--spacing", type=_MM, default=1.5, show_default=True, help="Of the heads, in mm.")
@click.option("--workers", type=_COUNT, default=1, show_default=True, help="Processes.")
def phantom(
    out: Path,
    recipe: Path | None,
    subject: tuple[int, ...],
    scans: int,
    spacing: float,
    workers: int,
) -> None:
    """Write phantom heads, MR and true CT on one grid, into OUT as .npz files.

    \b
    Example: dicom-train phantom runs/one --subject 7 --spacing 1
    Example: dicom-train phantom runs/heads --recipe conf/train/hlsnc-head-ct.toml --workers 2
    """
    if (recipe is None) == (not subject):
        raise click.UsageError("give either --recipe or one --subject or more")
    if recipe is not None:
        _phantoms(read_recipe(recipe), out, workers)
        return
    _make(out, list(subject), scans=scans, spacing_mm=spacing, workers=workers)


@main.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_FOLDER, help="Prepared pairs.  [default: runs/RECIPE/data]")
@click.option("--run", "out", type=_FOLDER, help="Results.  [default: runs/RECIPE]")
@click.option("--until", type=click.IntRange(min=1), help="Stop after so many updates.")
@click.option("--device", type=click.Choice(["cpu", "cuda", "auto"]), default="cpu")
def fit(
    recipe: Path, data: Path | None, out: Path | None, until: int | None, device: "Choice"
) -> None:
    """Learn by RECIPE; goes on exactly where it stopped.

    Example: dicom-train fit conf/train/hlsnc-head-ct.toml
    """
    read = read_recipe(recipe)
    run = out or _run_of(read)
    _fit(read, data or run / "data", run, until=until, device=device)


@main.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", type=_FOLDER, help="Prepared pairs.  [default: runs/RECIPE/data]")
@click.option("--run", "out", type=_FOLDER, help="What was learned.  [default: runs/RECIPE]")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def evaluate(recipe: Path, data: Path | None, out: Path | None, as_json: bool) -> None:
    """Measure what was learned on the subjects held out, beside two baselines.

    Example: dicom-train evaluate conf/train/hlsnc-head-ct.toml
    """
    read = read_recipe(recipe)
    run = out or _run_of(read)
    found = _evaluate(read, data or run / "data", run)
    click.echo(json.dumps(found, indent=1) if as_json else _told(found))


@main.command()
@click.argument("recipe", type=_FILE)
@click.argument("bundle", type=_FOLDER)
@click.option("--run", "out", type=_FOLDER, help="What was learned.  [default: runs/RECIPE]")
def export(recipe: Path, bundle: Path, out: Path | None) -> None:
    """Write what was learned as a model bundle into the folder BUNDLE.

    Example: dicom-train export conf/train/hlsnc-head-ct.toml conf/models/hlsnc-head-ct
    """
    read = read_recipe(recipe)
    _export(read, out or _run_of(read), bundle)


@main.command()
@click.argument("recipe", type=_FILE)
@click.option("--bundle", type=_FOLDER, required=True, help="Where the bundle goes.")
@click.option("--run", "out", type=_FOLDER, help="Everything else.  [default: runs/RECIPE]")
@click.option(
    "--workers", type=_COUNT, default=2, show_default=True, help="Processes that make phantoms."
)
def make(recipe: Path, bundle: Path, out: Path | None, workers: int) -> None:
    """Make a model from nothing but its RECIPE: phantoms, fit, evaluate, export.

    Example: dicom-train make conf/train/hlsnc-head-ct.toml --bundle conf/models/hlsnc-head-ct
    """
    read = read_recipe(recipe)
    run = out or _run_of(read)
    _phantoms(read, run / "data", workers)
    _fit(read, run / "data", run)
    click.echo(_told(_evaluate(read, run / "data", run)))
    _export(read, run, bundle)


def _run_of(recipe: Recipe) -> Path:
    return Path("runs") / recipe.name


def _phantoms(recipe: Recipe, out: Path, workers: int) -> None:
    made = recipe.phantoms
    seeds = list(range(made.first_seed, made.first_seed + made.subjects))
    _make(out, seeds, scans=made.scans, spacing_mm=made.spacing_mm, workers=workers)


def _make(out: Path, seeds: list[int], *, scans: int, spacing_mm: float, workers: int) -> None:
    from train.phantom import make_phantoms  # here: who only learns needs neither SciPy nor nilearn

    label = f"Making {len(seeds)} phantoms"
    with click.progressbar(length=len(seeds) * scans, label=label) as bar:
        made = make_phantoms(out, seeds, scans=scans, spacing_mm=spacing_mm, workers=workers)
        for _ in made:
            bar.update(1)
    click.echo(f"{len(seeds) * scans} scans with their truth in {out}")


def _fit(
    recipe: Recipe, data: Path, run: Path, *, until: int | None = None, device: "Choice" = "cpu"
) -> None:
    from train.run import fit as learn  # here: torch takes seconds to load, and --help needs none

    losses: dict[str, float] = {}

    def told(_: Any) -> str:
        return " ".join(f"{name} {value:.3f}" for name, value in losses.items())

    steps = until or recipe.learning.steps
    with click.progressbar(length=steps, label="Learning", item_show_func=told) as bar:

        def report(done: int, seen: Mapping[str, float]) -> None:
            losses.update(seen)
            bar.update(done - bar.pos)

        path = learn(recipe, data, run, until=until, device=device, report=report)
    click.echo(f"learned: {path}")


def _evaluate(recipe: Recipe, data: Path, run: Path) -> dict[str, Any]:
    from train.evaluate import measure  # here: it draws with matplotlib

    return measure(recipe, data, run)


def _told(found: Mapping[str, Any]) -> str:
    lines = [f"MAE inside the head, {found['subjects']['measured']} held-out phantoms (95 %):"]
    for method, figures in found["figures"].items():
        mae = figures["mae"]
        name = method.replace("_", " ")
        lines.append(f"  {name:14} {mae['mean']:7.1f} HU ({mae['low']:.1f} to {mae['high']:.1f})")
    return "\n".join(lines)


def _export(recipe: Recipe, run: Path, bundle: Path) -> None:
    from train.export import export as write  # here: as above

    made = write(recipe, run, bundle)
    size = made.weights_path.stat().st_size / 1e6
    click.echo(f"{made.name} {made.version}: {size:.2f} MB of weights, {made.identity.digest}")
