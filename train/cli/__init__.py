"""The command ``dicom-train``: make phantoms, learn, measure, write a bundle.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.errors import EngineError
from train.cli.cohort import bring_pairs
from train.cli.limits import set_limits
from train.cli.phantoms import write_phantoms, write_scans
from train.cli.verdict import verdict
from train.config import Recipe, read_recipe
from train.errors import TrainError

if TYPE_CHECKING:
    from engine.device import Choice
    from train.data import Shelf

__all__ = ["main"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_MM = click.FloatRange(0.5, 8.0)
_COUNT = click.IntRange(1, 256)
_REGRESSION = "regression"
_NO_LIMITS = "it has no limits: a node holds all that it makes until 'calibrate' has set them"

_data = click.option("--data", type=_FOLDER, help="Prepared pairs.  [default: RUN/data]")
_run = click.option("--run", "out", type=_FOLDER, help="Results.  [default: runs/RECIPE]")
_device = click.option(
    "--device",
    type=click.Choice(["cpu", "cuda", "auto"]),
    default="cpu",
    show_default=True,
    help="Where to compute; auto takes CUDA where there is one.",
)
_workers = click.option(
    "--workers", type=_COUNT, default=2, show_default=True, help="Processes that make phantoms."
)
_ORDER = ("make", "phantom", "pairs", "fit", "evaluate", "downstream", "export", "calibrate",
          "verdict")  # fmt: skip
_json = click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")


class _OneLineErrors(click.Group):
    """Show our own errors as one line and exit 1; let bugs keep their traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click calls it
        """Return the commands in the order of work, the one that does all of it first."""
        return sorted(self.commands, key=_ORDER.index)

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

    \b
    Example:
      dicom-train make conf/train/hlsnc-head-ct.toml --bundle conf/models/hlsnc-head-ct
    """


@main.command(short_help="Make phantoms: scans and their truth.")
@click.argument("out", type=_FOLDER)
@click.option("--recipe", type=_FILE, help="Make what this recipe learns from: all its subjects.")
@click.option(
    "--subject",
    type=click.IntRange(min=0),
    multiple=True,
    help="Make the subject of this seed instead; without --recipe a head, T1 and CT.",
)
@click.option(
    "--scans",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Scans of each --subject; a recipe has its own.",
)
@click.option(
    "--spacing", type=_MM, default=1.5, show_default=True, help="In mm; a recipe has its own."
)
@_workers
def phantom(
    out: Path,
    recipe: Path | None,
    subject: tuple[int, ...],
    scans: int,
    spacing: float,
    workers: int,
) -> None:
    """Write phantoms, scans and their truth on one grid, into OUT as .npz files.

    What is there already is not made again.

    \b
    \b
    Example:
      dicom-train phantom runs/one --subject 7 --spacing 1
      dicom-train phantom runs/heads --recipe conf/train/hlsnc-head-ct.toml --workers 2
    """
    if recipe is None and not subject:
        raise click.UsageError("give --recipe, or one --subject or more")
    if recipe is not None:
        write_phantoms(read_recipe(recipe), out, workers, subject)
        return
    from train.phantom import Order  # here: who only learns needs neither SciPy nor nilearn

    order = Order(sources=("T1",), target="CT", scans=scans, spacing_mm=spacing)
    write_scans(out, list(subject), order, workers)


@main.command(short_help="Bring a cohort's studies onto one grid, and judge them.")
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("out", type=_FOLDER)
@_workers
@_json
def pairs(dataset: Path, out: Path, workers: int, as_json: bool) -> None:
    """Bring each pair of DATASET onto one grid, and write those that are sound into OUT.

    DATASET is what 'dicom-node cohort write' has written. Volumes of one frame of reference stay
    where their scanner put them, others are registered. A pair is left out where the search does
    not find its way back, the mirror image fits as well, outlines differ, or something moved; OUT
    has a picture of each. Exit status: 0 all pairs are there; 3 some were left out.

    \b
    Example:
      dicom-train pairs /data/head-ct pairs
    """
    if not bring_pairs(dataset, out, workers, as_json=as_json):
        raise click.exceptions.Exit(3)


@main.command(short_help="Learn by a recipe; goes on where it stopped.")
@click.argument("recipe", type=_FILE)
@_data
@_run
@click.option("--until", type=click.IntRange(min=1), help="Stop after so many updates.")
@_device
@click.option(
    "--baseline", is_flag=True, help="Learn the regression of [baseline], into RUN/regression."
)
def fit(
    recipe: Path,
    data: Path | None,
    out: Path | None,
    until: int | None,
    device: "Choice",
    baseline: bool,
) -> None:
    """Learn by RECIPE; goes on exactly where it stopped, however it was stopped.

    Files of those who are held out are not opened.

    \b
    \b
    Example:
      dicom-train fit conf/train/hlsnc-head-ct.toml
      dicom-train fit our-head-ct.toml --data pairs
      torchrun --nproc-per-node 2 -m -- train fit conf/train/hlsnc-head-ct.toml
    """
    read = read_recipe(recipe)
    run = out or _run_of(read)
    if baseline:
        _fit(read.regression(), data or run / "data", run / _REGRESSION, until, device)
    else:
        _fit(read, data or run / "data", run, until, device)


@main.command(short_help="Measure what was learned on subjects held out.")
@click.argument("recipe", type=_FILE)
@_data
@_run
@click.option(
    "--real",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Measure on the real volumes of this folder instead.",
)
@_device
@_json
def evaluate(
    recipe: Path,
    data: Path | None,
    out: Path | None,
    real: Path | None,
    device: "Choice",
    as_json: bool,
) -> None:
    """Measure what was learned on the subjects held out, beside what costs nothing to do.

    Writes evaluation.json and report.html; the regression is among the methods once it is learned.

    \b
    \b
    Example:
      dicom-train evaluate conf/train/hlsnc-head-ct.toml
      dicom-train evaluate conf/train/hlsnc-head-ct.toml --real ../shared/data
    """
    from train.evaluate import measure_real, told  # here: it draws with matplotlib

    read = read_recipe(recipe)
    run = out or _run_of(read)
    pairs = data or run / "data"
    if real is None:
        found = _evaluate(read, pairs, run, device)
    else:
        found = measure_real(read, run, real, device, pairs)
    click.echo(json.dumps(found, indent=1) if as_json else told(found))


@main.command(short_help="Ask what synthetic images are good for.")
@click.argument("recipe", type=_FILE)
@_data
@_run
@_device
def downstream(recipe: Path, data: Path | None, out: Path | None, device: "Choice") -> None:
    """Ask what synthetic images are good for: learn a task from them, measure it on real ones.

    Prints JSON and writes downstream.json, which the report of a later evaluation shows.

    \b
    Example:
      dicom-train downstream conf/train/hlsnc-head-ct.toml
    """
    from train.downstream import assess  # here: it loads torch

    read = read_recipe(recipe)
    run = out or _run_of(read)
    click.echo(json.dumps(assess(read, data or run / "data", run, device), indent=1))


@main.command(short_help="Write what was learned as a bundle.")
@click.argument("recipe", type=_FILE)
@click.argument("bundle", type=_FOLDER)
@_data
@_run
def export(recipe: Path, bundle: Path, data: Path | None, out: Path | None) -> None:
    """Write what was learned as a model bundle into the folder BUNDLE.

    \b
    Example:
      dicom-train export conf/train/hlsnc-head-ct.toml conf/models/hlsnc-head-ct
    """
    read = read_recipe(recipe)
    run = out or _run_of(read)
    _export(read, data or run / "data", run, bundle)
    click.echo(_NO_LIMITS)


@main.command(short_help="Set the limits that a bundle's sources and results are held against.")
@click.argument("recipe", type=_FILE)
@click.argument("bundle", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Prepared pairs of subjects that nothing was learned from.",
)
@_workers
def calibrate(recipe: Path, bundle: Path, data: Path, workers: int) -> None:
    """Set the limits of the gate of BUNDLE, which RECIPE made, on other subjects.

    What the gate sees of each source and each result is measured on them; a limit lies beyond the
    furthest of them. The limits are written into the bundle, which is another model from then on.

    \b
    Example:
      dicom-train phantom runs/limits --recipe conf/train/hlsnc-head-ct.toml \
        $(printf -- '--subject %d ' $(seq 50000 50099))
      dicom-train calibrate conf/train/hlsnc-head-ct.toml conf/models/hlsnc-head-ct \
        --data runs/limits
    """
    set_limits(read_recipe(recipe), bundle, data, workers)


@main.command(short_help="All of it: phantoms, fit, baseline, evaluate, export, calibrate.")
@click.argument("recipe", type=_FILE)
@click.option("--bundle", type=_FOLDER, required=True, help="Where the bundle goes.")
@_data
@_run
@_workers
@_device
def make(
    recipe: Path,
    bundle: Path,
    data: Path | None,
    out: Path | None,
    workers: int,
    device: "Choice",
) -> None:
    """Make a model from nothing but its RECIPE: phantoms, fit, baseline, evaluate, export, limits.

    Stopped and called again, it goes on where it was.

    \b
    Example:
      dicom-train make conf/train/hlsnc-head-ct.toml --bundle conf/models/hlsnc-head-ct
    """
    from train import processes  # here: torch takes seconds to load, and --help needs none
    from train.data import Shelf
    from train.evaluate import told
    from train.export import check_place

    if processes.launched():
        raise click.UsageError("torchrun starts 'fit' alone; call 'make' before or after it")
    read = read_recipe(recipe)
    check_place(read, bundle)  # now, and not hours later
    run = out or _run_of(read)
    pairs = data or run / "data"
    write_phantoms(read, pairs, workers)
    shelf = Shelf(pairs)
    _fit(read, shelf, run, None, device)
    if read.baseline is not None:
        _fit(read.regression(), shelf, run / _REGRESSION, None, device)
    del shelf  # gigabytes, which measuring may want
    click.echo(told(_evaluate(read, pairs, run, device)))
    _export(read, pairs, run, bundle)
    if read.gate is not None:
        others = run / "limits"
        write_phantoms(read, others, workers, read.gate.seeds)
        set_limits(read, bundle, others, workers)
    else:
        click.echo(_NO_LIMITS)


main.add_command(verdict)


def _run_of(recipe: Recipe) -> Path:
    return Path("runs") / recipe.name


def _fit(
    recipe: Recipe, data: "Path | Shelf", run: Path, until: int | None, device: "Choice"
) -> None:
    from engine.device import choose
    from train import processes
    from train.run import fit as learn

    with processes.joined(choose(device)):
        if processes.rank() > 0:  # the first process speaks for all
            learn(recipe, data, run, until=until, device=device)
            return
        losses: dict[str, float] = {}

        def told(_: Any) -> str:
            return " ".join(f"{name} {value:.3f}" for name, value in losses.items())

        steps = until or recipe.learning.steps
        label = f"Learning {recipe.name}"
        with click.progressbar(length=steps, label=label, item_show_func=told) as bar:

            def report(done: int, seen: Mapping[str, float]) -> None:
                losses.update(seen)
                bar.update(done - bar.pos)

            path = learn(recipe, data, run, until=until, device=device, report=report)
        click.echo(f"learned: {path}")


def _evaluate(recipe: Recipe, data: Path, run: Path, device: "Choice") -> dict[str, Any]:
    from train.checkpoint import FILE
    from train.evaluate import measure

    beside = run / _REGRESSION
    learned = beside if recipe.baseline is not None and (beside / FILE).is_file() else None
    return measure(recipe, data, run, learned, device)


def _export(recipe: Recipe, data: Path, run: Path, bundle: Path) -> None:
    from train.export import export as write

    made = write(recipe, run, bundle, data)
    size = made.weights_path.stat().st_size / 1e6
    click.echo(f"{made.name} {made.version}: {size:.2f} MB of weights, {made.identity.digest}")
