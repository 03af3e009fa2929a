"""Recall of a version of a model."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from dicom_node.app.recall import recall_model, report_of
from dicom_node.cli.context import Context, Words, as_json, json_option
from dicom_node.rejections import Recall

__all__ = ["recall"]

_PARTLY = 3
_WAIT_S = 30.0


class _Version(click.ParamType[tuple[str, str]]):
    """One version of a model, as NAME@VERSION."""

    name = "NAME@VERSION"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and version, or end as wrong usage."""
        if isinstance(value, tuple):
            return value
        name, _, version = str(value).rpartition("@")
        if not (name and version):
            self.fail(
                f"{value!a} is none; NAME@VERSION is wanted, as models list has it", param, ctx
            )
        return name, version


@click.command()
@click.argument("model", type=_Version())
@click.option("--by", type=Words(64), required=True, help="Your name; it is recorded and sent.")
@click.option("--why", type=Words(500), required=True, help="What is wrong with it; it is sent.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600),
    default=_WAIT_S,
    show_default=True,
    help="Seconds to wait for destinations to answer the notes.",
)
@json_option
@click.pass_obj
def recall(
    context: Context,
    model: tuple[str, str],
    by: str,
    why: str,
    wait_s: float,
    wants_json: bool,
) -> None:
    """Recall a version of a model for good: no job uses it any more, and what it made is rejected.

    Every destination that may hold one of its series gets a rejection note; the serving process
    sends it. Then archives that may be asked are asked whether they list it still. Run it again to
    see how far it is: the first name and reason stay.

    Exit status 3 while a note is not answered, an archive lists a series still, or one that may be
    asked does not answer.

    \b
    Example:
      dicom-node models recall mr2ct-head@1.2.0 --by "A. Physicist" --why "shifted by a slice"
    """
    node = context.open()

    def tell(one: Recall) -> None:
        text = f"model {one.name} {one.version} was recalled by {by}: {why}"
        context.restricted(node, f"urn:dicom-synthesis-node:model:{one.name}@{one.version}", text)

    report = report_of(node, recall_model(node, model, (by, why), wait_s, tell))
    if wants_json:
        as_json(report.about)
    for line in _lines(report.about) if not wants_json else ():
        click.echo(line)
    if not report.confirmed:
        raise click.exceptions.Exit(_PARTLY)


def _lines(about: Mapping[str, Any]) -> Iterator[str]:
    model = f"{about['model']['name']} {about['model']['version']}"
    yield f"Model {model} is recalled by {about['by']}, {about['at']}: {about['why']}"
    series, jobs = about["series"], about["jobs"]
    yield f"{len(jobs)} jobs were planned with it; it made {len(series)} series"
    for one in series:
        yield f"Series {one['series_uid']} ({one['label']}) of study {one['study_uid']}"
        yield f"    {len(one['instances'])} instances, {one['here']} of them here, out of sight"
        if one["error"]:
            yield f"    no rejection note yet: {one['error']}"
        yield from (f"    {_place(place)}" for place in one["destinations"])
    yield _end(about)


def _place(place: Mapping[str, Any]) -> str:
    told = f"{place['destination']}: {place['sent']} of {place['total']} were sent; {_note(place)}"
    if place["silent"]:
        return f"{told}; could not be asked what it lists: {place['asked']}"
    if place["found"] is None:
        return f"{told}; not asked what it lists: {place['asked']}"
    lists = f"lists {place['found']} of them still" if place["found"] else "lists none of them"
    return f"{told}; {lists} ({place['asked']})"


def _note(place: Mapping[str, Any]) -> str:
    if place["answered"]:
        return "it answered the note with 0000"
    if place["note"] is None:
        return "no note to it" if not place["may_hold"] else "its note is not queued yet"
    error = f" ({place['note_error']})" if place["note_error"] else ""
    return f"its note is {place['note']}{error}"


def _end(about: Mapping[str, Any]) -> str:
    if about["confirmed"]:
        return "Confirmed: every note was answered, and no archive that was asked lists any of it."
    return (
        "Confirmed in part: have what is listed still removed there, and run this again for notes "
        "that are on their way and for whoever could not be asked."
    )
