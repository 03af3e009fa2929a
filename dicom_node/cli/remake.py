"""Jobs: the provenance record of a result, and the result made again from it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dicom_node.app import Node
from dicom_node.cli.context import JOB_ID, Context, as_json, json_option, uri_of_job
from dicom_node.errors import NotPossible
from dicom_node.jobs import Records

if TYPE_CHECKING:
    from dicom_node.worker.remake import Remade

__all__ = ["provenance", "remake"]


@click.command()
@click.argument("job_id", type=JOB_ID)
@click.pass_obj
def provenance(context: Context, job_id: int) -> None:
    """Print the provenance record of what a job made: all that is needed to make it again.

    \b
    Example:
      dicom-node jobs provenance 17
    """
    as_json(_record_of(context.open(), job_id))


@click.command()
@click.argument("job_id", type=JOB_ID, required=False)
@click.option(
    "--record",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="From this record, as 'jobs provenance' prints it, in place of a job's.",
)
@click.option("--into", type=click.Path(path_type=Path), help="Write the files into a new folder.")
@json_option
@click.pass_obj
def remake(
    context: Context, job_id: int | None, file: Path | None, into: Path | None, wants_json: bool
) -> None:
    """Make the series of a job again from its provenance record, and compare byte for byte.

    Rules, tasks and settings play no part, for they may have changed; the node keeps and sends
    nothing of it. Exit status 1 where a byte differs, or something that it was made of is missing
    or changed: it says what.

    \b
    Example:
      dicom-node jobs remake 17
      dicom-node jobs remake 17 --into /tmp/again
      dicom-node jobs remake --record job17.json --json
    """
    if (job_id is None) == (file is None):
        raise click.UsageError("name a job, or a file with --record; one of them")
    if into is not None and into.exists():
        raise NotPossible(f"there is something at {into} already; name a folder that is not")
    node = context.open()
    document = _record_of(node, job_id) if job_id is not None else _read(file)
    from dicom_node.worker.record import Record
    from dicom_node.worker.remake import keep
    from dicom_node.worker.remake import remake as made_again
    from dicom_node.worker.run import load_bench  # it loads what computes

    record = Record.of(document)
    bench = load_bench(context.conf, context.environ)
    found = made_again(bench, node.database, record)
    uri = uri_of_job(job_id) if job_id is not None else f"urn:oid:{record.key}"
    where = "" if into is None else ", and its files were written into a folder"
    context.restricted(node, uri, f"what it made was made again{where}", record.study_uid)
    if into is not None:
        keep(found, into)
    _show(document, found, wants_json)
    if not found.same:
        raise click.exceptions.Exit(1)


def _record_of(node: Node, job_id: int) -> dict[str, Any]:
    with node.database.reading() as session:
        return Records(session).of_job(job_id)


def _read(file: Path | None) -> dict[str, Any]:
    """Return the document in a file.

    Raises
    ------
    NotPossible
        When there is none in it.
    """
    try:
        document = json.loads(b"" if file is None else file.read_bytes())
    except (OSError, ValueError) as exc:
        raise NotPossible(f"{file}: no provenance record: {exc}") from exc
    if not isinstance(document, dict):
        raise NotPossible(f"{file}: no provenance record: it holds a {type(document).__name__}")
    return document


def _show(document: dict[str, Any], found: "Remade", wants_json: bool) -> None:
    objects = [
        {"number": number, "sop_instance_uid": one.sop_instance_uid, "verdict": one.verdict}
        for number, one in enumerate(found.objects, start=1)
    ]
    if wants_json:
        series_uid = document["result"]["series_uid"]
        said = {"series_uid": series_uid, "same": found.same, "otherwise": list(found.otherwise)}
        as_json({**said, "objects": objects})
        return
    for one in objects:
        click.echo(f"{one['number']:>6}  {one['verdict']:<8} {one['sop_instance_uid']}")
    for text in found.otherwise:
        click.echo(f"otherwise than then: {text}")
    count = sum(one.verdict == "same" for one in found.objects)
    series = f"series {document['result']['series_uid']}"
    click.echo(f"{series}: {count} of {len(objects)} objects are the same, byte for byte")
    if count == len(objects) and not found.same:
        click.echo("the series as a whole is not what was recorded of it; the record was changed")
