"""Choose studies that may teach a model, and write them out without who they are of."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from dicom_node.app.cohort import chosen, draw_from, forget, written
from dicom_node.cli.context import Context, as_json, json_option, progress_bar, progress_bars
from dicom_node.cohort import Choice, Left, Why, read_cohort

__all__ = ["cohort"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def cohort() -> None:
    """Choose archived studies by a file, and write them out as a dataset for learning.

    \b
    Example:
      dicom-node cohort show head-ct.toml
    """


@cohort.command()
@click.argument("file", type=_FILE)
@click.option("--left", is_flag=True, help="Name each series that is left out, and why.")
@json_option
@click.pass_obj
def show(context: Context, file: Path, left: bool, wants_json: bool) -> None:
    """Say what FILE chooses, and what it leaves out; nothing is written.

    \b
    Example:
      dicom-node cohort show head-ct.toml
      dicom-node cohort show head-ct.toml --left
    """
    wanted = read_cohort(file)
    with progress_bar("Looking") as progress:
        choice = chosen(context.open(), wanted, progress)
    if wants_json:
        as_json(_told(choice))
        return
    click.echo(f"{wanted.name}: {_sentence(choice)}")
    for line in _why(choice.left, each=left):
        click.echo(line)


@cohort.command()
@click.argument("file", type=_FILE)
@json_option
@click.pass_obj
def draw(context: Context, file: Path, wants_json: bool) -> None:
    """Draw what FILE may choose from the PACS that it names.

    Over DIMSE the node has to be serving: the PACS moves to it. What comes lies apart, in the
    data folder: no rule fires on it, and nobody is served from it. Broken off, the same command
    goes on; what is here is not pulled again. Exit status: 0 all of it is here; 3 some series
    could not be had.

    \b
    Example:
      dicom-node cohort draw head-ct.toml
    """
    wanted, node = read_cohort(file), context.open()
    text = f"the cohort {wanted.name} was drawn from {wanted.archive}"
    context.restricted(node, file.absolute().as_uri(), text)
    with progress_bars() as progress:
        drew = draw_from(node, wanted, progress, lambda said: click.echo(said, err=True))
    left = {str(why): count for why, count in sorted(drew.left.items())}
    failed = [{"series_uid": uid, "text": why} for uid, why in drew.failed]
    if wants_json:
        as_json({"studies": drew.studies, "drawn": drew.series, "objects": drew.objects,
                 "before": drew.before, "left": left, "failed": failed})  # fmt: skip
    else:
        came = f"{drew.series} series drawn, {drew.objects} objects; {drew.before} were here"
        click.echo(f"{wanted.archive}: {drew.studies} studies listed; {came}")
        for why, count in sorted(drew.left.items()):
            click.echo(f"  {count:6d} {why}: {_WORDS[why]}")
        for one in failed:
            click.echo(f"  {one['series_uid']}: {one['text']}")
    if failed:
        raise click.exceptions.Exit(3)


@cohort.command(name="forget")
@click.argument("peer")
@click.pass_obj
def forget_(context: Context, peer: str) -> None:
    """Delete what was drawn from PEER; datasets that were written stay.

    \b
    Example:
      dicom-node cohort forget pacs
    """
    node = context.open()
    text = f"what was drawn from {peer} is deleted"
    objects = forget(node, peer, lambda: context.restricted(node, peer, text))
    click.echo(f"{peer}: {objects} objects deleted")


@cohort.command()
@click.argument("file", type=_FILE)
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@json_option
@click.pass_obj
def write(context: Context, file: Path, out: Path, wants_json: bool) -> None:
    """Write what FILE chooses into the folder OUT, without who it is of.

    Names, numbers, dates and whatever else tells a person are replaced or removed (PS3.15 Annex E).
    One person has one pseudonym in all datasets of this node. Broken off, it goes on where it was.
    Exit status: 0 all of it is written; 3 written, but some of it could not be read or cleaned.

    \b
    Example:
      dicom-node cohort write head-ct.toml /data/head-ct
    """
    wanted, node = read_cohort(file), context.open()
    with progress_bar("Looking") as progress:
        choice = chosen(node, wanted, progress)
    said = f"the cohort {wanted.name} was written, {len(choice.pairs)} pairs were chosen"
    context.restricted(node, out.absolute().as_uri(), said)
    with progress_bar("Writing") as progress:
        done = written(node, wanted, choice, out, progress)
    if wants_json:
        about = {"pairs": done.pairs, "persons": done.persons, "objects": done.objects,
                 "digest": done.digest, "left": _each(done.left)}  # fmt: skip
        as_json({"folder": str(out), **about})
    else:
        text = f"{done.pairs} pairs of {done.persons} persons, {done.objects} objects"
        click.echo(f"{out}: {text}; digest {done.digest[:16]}…")
        for line in _why(done.left, each=True):
            click.echo(line)
    if done.left:
        raise click.exceptions.Exit(3)


def _sentence(choice: Choice) -> str:
    pairs = f"{len(choice.pairs)} pairs of {choice.persons} persons"
    return f"{pairs}; {len(choice.left)} series left out"


def _why(left: tuple[Left, ...], *, each: bool) -> Iterator[str]:
    """Yield how many are left out for what reason, or each."""
    if each:
        yield from (f"  {one.series_uid}: {one.why}: {one.text}" for one in left)
        return
    for why, count in sorted(Counter(one.why for one in left).items()):
        yield f"  {count:6d} {why}: {_WORDS[why]}"


_WORDS = {
    Why.SYNTHETIC: "made, not acquired",
    Why.NOT_ASKED: "shows something else",
    Why.EXCLUDED: "excluded by name or word",
    Why.UNSOUND: "is not one sound volume of acquired pixels",
    Why.UNFIT: "is none that the task's model may be given",
    Why.CONTRAST_AGENT: "a contrast agent was given, or may have been",
    Why.DATE: "not made in time",
    Why.SCANNER: "of another scanner",
    Why.PERSON_UNKNOWN: "has no Patient ID",
    Why.PERSON_IN_DOUBT: "may be of several people under one Patient ID",
    Why.NO_PARTNER: "has no source, or no target, beside it",
    Why.TOO_FAR_APART: "lies too far from its partner in time",
    Why.SPARE: "another series makes the better pair",
    Why.UNREADABLE: "cannot be read, or not be parted from its person",
}


def _told(choice: Choice) -> dict[str, object]:
    pairs = [
        {
            "days_apart": pair.days_apart,
            "one_frame": pair.one_frame,
            "sources": [one.series_uid for one in pair.sources],
            "target": pair.target.series_uid,
        }
        for pair in choice.pairs
    ]
    return {"pairs": pairs, "persons": choice.persons, "left": _each(choice.left)}


def _each(left: tuple[Left, ...]) -> list[dict[str, str]]:
    return [
        {"study_uid": one.study_uid, "series_uid": one.series_uid, "why": str(one.why),
         "text": one.text}
        for one in left
    ]  # fmt: skip
