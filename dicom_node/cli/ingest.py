"""Add files from disk."""

from pathlib import Path
from uuid import uuid4

import click

from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.archive import Associations, Outcome, Received, read_part10
from dicom_node.archive.associations import INGEST
from dicom_node.cli.context import Context
from dicom_node.errors import Mismatched, NotDicom
from dicom_node.values import Origin

__all__ = ["ingest"]


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_obj
def ingest(context: Context, folder: Path) -> None:
    """Add every DICOM file under FOLDER to the archive.

    The studies are then planned like any that was sent, by the node that serves. Exit status: 0 all
    kept, 3 some refused, 1 none kept or the archive failed.

    \b
    Example:
      dicom-node ingest /mnt/export/study42
    """
    node = context.open()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    counts = dict.fromkeys(Outcome, 0)
    refused: dict[Path, str] = {}
    association = (str(uuid4()), INGEST, utc_now())
    with click.progressbar(files, label="Adding") as bar:
        for path in bar:
            try:
                content, syntax = read_part10(path.read_bytes())
                received = Received(
                    content, syntax, INGEST, Origin.INGESTED, association=association
                )
                counts[node.archive.keep(received).outcome] += 1
            except (NotDicom, Mismatched) as exc:
                refused[path] = str(exc)
    _close(node, association[0])
    kept = sum(counts.values())
    click.echo(
        f"{counts[Outcome.NEW]} new, {counts[Outcome.SAME]} there already, "
        f"{counts[Outcome.DIFFERS]} kept apart (UID taken by other content), "
        f"{len(refused)} refused"
    )
    for path, reason in refused.items():
        click.echo(f"  {path}: {reason}", err=True)
    if refused:
        raise click.exceptions.Exit(3 if kept else 1)


def _close(node: Node, association_id: str) -> None:
    """Note that the files are all there: nothing more is to come."""
    with node.database.transaction() as session:
        Associations(session).ended(association_id, utc_now(), released=True)
